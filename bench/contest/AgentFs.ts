/**
 * AgentFS as it stands: each of its calls is a transaction of its own. Only the load of small values has transactions of a thousand,
 * which are begun and ended on the database below.
 */
import { join } from "node:path"
import {
  type Contestant,
  type Content,
  type Entry,
  each,
  type Pairs,
  type Place,
  together,
  type Tree
} from "./Contestant.ts"
import * as Peer from "./Peer.ts"
import * as SourceFolder from "./SourceFolder.ts"

/** The part of agentfs-sdk that is used. */
interface FileHandle {
  readonly pread: (offset: number, byteCount: number) => Promise<Buffer>
  readonly pwrite: (offset: number, bytes: Buffer) => Promise<void>
  readonly fsync: () => Promise<void>
}

interface AgentFS {
  readonly kv: {
    readonly set: (key: string, value: string) => Promise<void>
    readonly get: (key: string) => Promise<string | undefined>
    readonly list: (prefix: string) => Promise<ReadonlyArray<{ readonly value: string }>>
  }
  readonly fs: {
    readonly mkdir: (path: string) => Promise<void>
    readonly writeFile: (path: string, bytes: Buffer) => Promise<void>
    readonly readFile: (path: string) => Promise<Buffer>
    readonly stat: (path: string) => Promise<{ readonly size: number }>
    readonly open: (path: string) => Promise<FileHandle>
  }
  readonly getDatabase: () => { readonly exec: (text: string) => Promise<unknown> }
  readonly close: () => Promise<void>
}

interface Module {
  readonly AgentFS: { readonly open: (options: { readonly path: string }) => Promise<AgentFS> }
}

const PACKAGE = "agentfs-sdk"
const FILE = "/large"
const NOTHING = Buffer.alloc(0)

const open = async ({ folder }: Place): Promise<AgentFS> => {
  const { AgentFS } = await Peer.load<Module>(PACKAGE)
  return AgentFS.open({ path: join(folder, "agentfs.db") })
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

const pairs = async (place: Place): Promise<Pairs> => {
  const agent = await open(place)
  const database = agent.getDatabase()
  const put = ({ keyText, valueText }: Entry): Promise<void> => agent.kv.set(keyText, valueText)
  return {
    putAlone: (entries) => each(entries, put),
    // Its statements wait for one another: together they would only disturb each other.
    putTogether: (entries) => together(entries, 1, put),
    load: async (batches) => {
      for (const batch of batches) {
        await database.exec("BEGIN")
        for (const entry of batch) await put(entry)
        await database.exec("COMMIT")
      }
    },
    get: async (entries) => {
      let byteCount = 0
      for (const { keyText } of entries) byteCount += (await agent.kv.get(keyText))?.length ?? 0
      return byteCount
    },
    scan: async () => (await agent.kv.list("")).reduce((sum, { value }) => sum + value.length, 0),
    countSame: async (entries) => {
      let count = 0
      for (const { keyText, valueText } of entries) if ((await agent.kv.get(keyText)) === valueText) count++
      return count
    },
    close: () => agent.close()
  }
}

const content = async (place: Place): Promise<Content> => {
  const { close, fs } = await open(place).then((agent) => ({ close: () => agent.close(), fs: agent.fs }))
  const made = async (): Promise<FileHandle> => {
    await fs.writeFile(FILE, NOTHING)
    return fs.open(FILE)
  }
  return {
    set: (value) => fs.writeFile(FILE, bufferOf(value)),
    get: async () => (await fs.readFile(FILE)).length,
    read: async (offsets, byteCount) => {
      const file = await fs.open(FILE)
      return each(offsets, (offset) => file.pread(offset, byteCount))
    },
    write: async (offsets, bytes) => {
      const file = await fs.open(FILE)
      return each(offsets, async (offset) => {
        await file.pwrite(offset, bufferOf(bytes))
        await file.fsync()
      })
    },
    streamIn: async (chunk, chunkCount) => {
      const file = await made()
      for (let i = 0; i < chunkCount; i++) await file.pwrite(i * chunk.length, bufferOf(chunk))
      await file.fsync()
    },
    streamOut: async (chunkBytes) => {
      const file = await fs.open(FILE)
      const { size } = await fs.stat(FILE)
      let byteCount = 0
      while (byteCount < size) byteCount += (await file.pread(byteCount, chunkBytes)).length
      return byteCount
    },
    append: async (chunk, chunkCount, perSync) => {
      const file = await made()
      for (let i = 1; i <= chunkCount; i++) {
        await file.pwrite((i - 1) * chunk.length, bufferOf(chunk))
        if (i % perSync === 0) await file.fsync()
      }
    },
    close
  }
}

const tree = async (place: Place): Promise<Tree> => {
  const agent = await open(place)
  return {
    importFolder: async (source) => {
      for (const { isFolder, path, read } of SourceFolder.entriesOf(source)) {
        if (isFolder) await agent.fs.mkdir(path)
        else await agent.fs.writeFile(path, read())
      }
    },
    close: () => agent.close()
  }
}

export const contestant: Contestant = {
  name: "agentfs",
  packageName: PACKAGE,
  notes:
    "agentfs-sdk as it stands: a transaction for each statement, an import is not atomic; large work at a sixteenth of its size",
  largeDivisor: 16,
  pairs,
  content,
  tree
}
