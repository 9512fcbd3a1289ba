/** Files in memory by memfs: it takes part where no durability is asked for. */
import { type Contestant, type Content, eachNow } from "./Contestant.ts"
import * as Peer from "./Peer.ts"

/** The part of memfs that is used. */
interface Module {
  readonly Volume: new () => {
    readonly writeFileSync: (path: string, bytes: Uint8Array) => void
    readonly readFileSync: (path: string) => Buffer
    readonly openSync: (path: string, flags: string) => number
    readonly readSync: (file: number, bytes: Uint8Array, at: number, byteCount: number, offset: number) => number
    readonly writeSync: (file: number, bytes: Uint8Array, at: number, byteCount: number, offset: number) => number
  }
}

const PACKAGE = "memfs"
const FILE = "/large"

const content = async (): Promise<Content> => {
  const { Volume } = await Peer.load<Module>(PACKAGE)
  const volume = new Volume()
  return {
    set: async (value) => volume.writeFileSync(FILE, value),
    get: async () => volume.readFileSync(FILE).length,
    read: async (offsets, byteCount) => {
      const file = volume.openSync(FILE, "r")
      return eachNow(offsets, (offset) => volume.readSync(file, Buffer.allocUnsafe(byteCount), 0, byteCount, offset))
    },
    write: async (offsets, bytes) => {
      const file = volume.openSync(FILE, "r+")
      return eachNow(offsets, (offset) => volume.writeSync(file, bytes, 0, bytes.length, offset))
    },
    close: async () => undefined
  }
}

export const contestant: Contestant = {
  name: "memfs",
  packageName: PACKAGE,
  notes: "in memory, nothing is durable",
  isVolatile: true,
  content
}
