/**
 * The same random calls on `node:fs/promises` in a temporary folder and on a volume: what they answer, how they fail, and the trees
 * that they leave.
 *
 * What is left out stands in `docs/decisions/0017-where-node-fs-differs.md`.
 */
import * as nodeFs from "node:fs"
import * as realFs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { MemoryDevice } from "../../src/index.ts"
import type { Promises } from "../../src/node-fs.ts"
import { openVolume } from "../../src/node-fs.ts"
import { Random } from "../../src/testing/Random.ts"

type Fs = typeof realFs & Pick<typeof nodeFs, "createReadStream" | "createWriteStream">

/** One call on one of the two; paths begin with its root. */
type Call = (fs: Fs, at: (path: string) => string) => Promise<unknown>

interface Drawn {
  readonly name: string
  readonly call: Call
}

const NAMES = ["a", "b", "c", "d", "ü"]

const pathFrom = (random: Random): string => {
  const names = Array.from({ length: 1 + random.below(3) }, () => NAMES[random.below(NAMES.length)])
  if (random.chance(0.04)) names.splice(random.below(names.length), 0, ".")
  const slash = random.chance(0.04) ? "/" : ""
  return `/${names.join("/")}${slash}`
}

const FLAGS = ["r", "r+", "w", "w+", "wx", "wx+", "a", "a+", "ax", "ax+", "rs+", "as", "xw"]
const { O_CREAT, O_EXCL, O_RDWR, O_TRUNC, O_WRONLY } = nodeFs.constants
const NUMERIC_FLAGS = [0, O_WRONLY, O_RDWR, O_RDWR | O_CREAT, O_WRONLY | O_CREAT | O_EXCL, O_RDWR | O_TRUNC]

const flagFrom = (random: Random): string | number =>
  random.chance(0.2) ? NUMERIC_FLAGS[random.below(NUMERIC_FLAGS.length)] : FLAGS[random.below(FLAGS.length)]

/** What of a stat must be the same: numbers, times and blocks belong to one system; the size of a folder too. */
const statFacts = (stat: nodeFs.Stats | nodeFs.BigIntStats): unknown => ({
  keys: Object.keys(stat).sort().join(),
  mode: stat.mode,
  nlink: stat.isDirectory() ? "a folder" : stat.nlink,
  uid: stat.uid,
  gid: stat.gid,
  rdev: stat.rdev,
  size: stat.isDirectory() ? "a folder" : stat.size,
  is: [stat.isFile(), stat.isDirectory(), stat.isSymbolicLink(), stat.isFIFO(), stat.isSocket(), stat.isBlockDevice()],
  dates: [stat.atime, stat.mtime, stat.ctime, stat.birthtime].map((date) => date instanceof Date),
  class: stat.constructor.name,
  // A time that was set is far from now.
  modified: Number(stat.mtimeMs) < 1e12 ? stat.mtimeMs : "now"
})

const direntFacts = (at: (path: string) => string) => (entry: nodeFs.Dirent) =>
  `${path.posix.join(entry.parentPath.slice(at("").length), entry.name)} ${[entry.isFile(), entry.isDirectory(), entry.isSymbolicLink()]}`

const bytesFrom = (random: Random): Buffer => {
  const sizes = [0, 1, 10, 100, 3000, 5000, 20_000]
  return Buffer.from(random.bytes(sizes[random.below(sizes.length)]))
}

/** A few calls on one open file. */
const handleCalls = (random: Random): Drawn => {
  const [file, flag, data] = [pathFrom(random), flagFrom(random), bytesFrom(random)]
  const steps = Array.from({ length: 1 + random.below(6) }, () => ({
    kind: random.below(12),
    at: random.below(300),
    count: random.below(400),
    positioned: random.chance(0.5)
  }))
  return {
    name: `open ${file} ${flag} ${JSON.stringify(steps.map(({ kind }) => kind))}`,
    call: async (fs, at) => {
      const handle = await fs.open(at(file), flag, 0o640)
      const told: Array<unknown> = []
      for (const { at: from, count, kind, positioned } of steps) {
        const position = positioned ? from : undefined
        const some = data.subarray(0, count)
        const step = async (): Promise<unknown> => {
          switch (kind) {
            case 0:
            case 1: {
              const { buffer, bytesRead } = await handle.read(Buffer.alloc(count), 0, count, position ?? null)
              return [bytesRead, buffer.toString("hex")]
            }
            case 2:
            case 3:
              return (await handle.write(some, 0, some.length, position)).bytesWritten
            case 4:
              return (await handle.write("héllo", position)).bytesWritten
            case 5:
              return (await handle.readFile()).toString("hex")
            case 6:
              return handle.writeFile(some)
            case 7:
              return handle.truncate(from)
            case 8:
              return statFacts(await handle.stat())
            case 9: {
              const { buffers, bytesRead } = await handle.readv([Buffer.alloc(7), Buffer.alloc(count)], position)
              return [bytesRead, Buffer.concat(buffers as Array<Buffer>).toString("hex")]
            }
            case 10:
              return (await handle.writev([some, data.subarray(0, 5)], position)).bytesWritten
            default:
              await handle.chmod(0o600)
              await handle.utimes(1, from)
              await handle.datasync()
              return handle.sync()
          }
        }
        told.push(await outcomeOf(step, at))
      }
      await handle.close()
      told.push(await outcomeOf(async () => handle.stat(), at))
      return told
    }
  }
}

const streamCalls = (random: Random): Drawn => {
  const [file, data] = [pathFrom(random), bytesFrom(random)]
  const start = random.below(200)
  const range = random.chance(0.5) ? {} : { start, end: start + random.below(2000) }
  if (random.chance(0.5)) {
    return {
      name: `createReadStream ${file}`,
      call: async (fs, at) => {
        const parts: Array<Buffer> = []
        for await (const part of fs.createReadStream(at(file), { ...range, highWaterMark: 1000 })) {
          parts.push(part as Buffer)
        }
        return Buffer.concat(parts).toString("hex")
      }
    }
  }
  const flags = random.chance(0.5) ? "w" : "a"
  return {
    name: `createWriteStream ${file}`,
    call: async (fs, at) => {
      const stream = fs.createWriteStream(at(file), { flags })
      return new Promise((resolve, reject) => {
        stream.on("error", reject)
        stream.on("close", () => resolve(stream.bytesWritten))
        stream.write(data)
        stream.end("the end")
      })
    }
  }
}

const ENCODINGS = ["utf8", "hex", "latin1", "base64"] as const

const KINDS: ReadonlyArray<(random: Random) => Drawn> = [
  (random) => {
    const [file, data, flag, mode] = [pathFrom(random), bytesFrom(random), flagFrom(random), random.below(0o1000)]
    const options = random.chance(0.7) ? {} : { flag, mode }
    return {
      name: `writeFile ${file} ${JSON.stringify(options)}`,
      call: async (fs, at) => fs.writeFile(at(file), data, options)
    }
  },
  (random) => {
    const [file, text] = [pathFrom(random), bytesFrom(random).toString("hex")]
    return { name: `appendFile ${file}`, call: async (fs, at) => fs.appendFile(at(file), text, "hex") }
  },
  (random) => {
    const file = pathFrom(random)
    return {
      name: `writeFile of many ${file}`,
      call: async (fs, at) =>
        fs.writeFile(
          at(file),
          (async function* () {
            yield "one"
            yield "two"
          })()
        )
    }
  },
  (random) => {
    const [file, encoding] = [pathFrom(random), ENCODINGS[random.below(ENCODINGS.length)]]
    return { name: `readFile ${file}`, call: async (fs, at) => fs.readFile(at(file), encoding) }
  },
  (random) => {
    const [folder, mode] = [pathFrom(random), random.below(0o1000) | 0o700]
    const options = random.chance(0.5) ? { mode } : { recursive: true, mode }
    return {
      name: `mkdir ${folder} ${JSON.stringify(options)}`,
      call: async (fs, at) => (await fs.mkdir(at(folder), options))?.slice(at("").length)
    }
  },
  (random) => {
    const folder = pathFrom(random)
    return {
      name: `readdir ${folder}`,
      call: async (fs, at) => (await fs.readdir(at(folder))).toSorted()
    }
  },
  (random) => {
    const folder = random.chance(0.3) ? "/" : pathFrom(random)
    return {
      name: `readdir of types ${folder}`,
      call: async (fs, at) => (await fs.readdir(at(folder), { withFileTypes: true })).map(direntFacts(at)).toSorted()
    }
  },
  (random) => {
    const folder = pathFrom(random)
    return {
      name: `opendir ${folder}`,
      call: async (fs, at) => {
        const found: Array<string> = []
        for await (const entry of await fs.opendir(at(folder))) found.push(direntFacts(at)(entry))
        return found.toSorted()
      }
    }
  },
  (random) => {
    const file = pathFrom(random)
    const options = { force: random.chance(0.3), recursive: random.chance(0.3) }
    return { name: `rm ${file} ${JSON.stringify(options)}`, call: async (fs, at) => fs.rm(at(file), options) }
  },
  (random) => {
    const file = pathFrom(random)
    return { name: `rmdir ${file}`, call: async (fs, at) => fs.rmdir(at(file)) }
  },
  (random) => {
    const file = pathFrom(random)
    return { name: `unlink ${file}`, call: async (fs, at) => fs.unlink(at(file)) }
  },
  (random) => {
    const [from, to] = [pathFrom(random), pathFrom(random)]
    return { name: `rename ${from} ${to}`, call: async (fs, at) => fs.rename(at(from), at(to)) }
  },
  (random) => {
    const [from, to] = [pathFrom(random), pathFrom(random)]
    return { name: `link ${from} ${to}`, call: async (fs, at) => fs.link(at(from), at(to)) }
  },
  (random) => {
    const [from, to] = [
      random.chance(0.5) ? pathFrom(random).slice(1).replace(/\/$/, "") : `../${NAMES[random.below(4)]}`,
      pathFrom(random)
    ]
    return { name: `symlink ${from} ${to}`, call: async (fs, at) => fs.symlink(from, at(to)) }
  },
  (random) => {
    const file = pathFrom(random)
    return { name: `readlink ${file}`, call: async (fs, at) => fs.readlink(at(file)) }
  },
  (random) => {
    const file = pathFrom(random)
    return {
      name: `realpath ${file}`,
      call: async (fs, at) => (await fs.realpath(at(file))).slice(at("").length)
    }
  },
  (random) => {
    const [file, bigint] = [pathFrom(random), random.chance(0.3)]
    return { name: `stat ${file}`, call: async (fs, at) => statFacts(await fs.stat(at(file), { bigint })) }
  },
  (random) => {
    const [file, bigint] = [pathFrom(random), random.chance(0.3)]
    return { name: `lstat ${file}`, call: async (fs, at) => statFacts(await fs.lstat(at(file), { bigint })) }
  },
  (random) => {
    const [file, mode] = [pathFrom(random), random.below(4)]
    return { name: `access ${file}`, call: async (fs, at) => fs.access(at(file), mode) }
  },
  (random) => {
    const [file, size] = [pathFrom(random), random.below(6000)]
    return { name: `truncate ${file} ${size}`, call: async (fs, at) => fs.truncate(at(file), size) }
  },
  (random) => {
    const [file, mode] = [pathFrom(random), random.below(0o2000)]
    return { name: `chmod ${file} ${mode}`, call: async (fs, at) => fs.chmod(at(file), mode) }
  },
  (random) => {
    const [file, uid] = [pathFrom(random), random.below(5) - 1]
    return {
      name: `chown ${file} ${uid}`,
      call: async (fs, at) => (uid > 1 ? fs.lchown(at(file), uid, 3) : fs.chown(at(file), uid, 2))
    }
  },
  (random) => {
    const [file, time] = [pathFrom(random), random.below(1e9) + 0.25]
    return {
      name: `utimes ${file}`,
      call: async (fs, at) => (time < 5e8 ? fs.utimes(at(file), time, time) : fs.lutimes(at(file), 1, new Date(time)))
    }
  },
  (random) => {
    const [from, to] = [pathFrom(random).replace(/\/$/, ""), pathFrom(random).replace(/\/$/, "")]
    const mode = random.chance(0.3) ? nodeFs.constants.COPYFILE_EXCL : 0
    return {
      name: `copyFile ${from} ${to} ${mode}`,
      call: async (fs, at) => {
        if ((await fs.stat(at(from))).isDirectory()) return "not of folders"
        return fs.copyFile(at(from), at(to), mode)
      }
    }
  },
  (random) => {
    const prefix = pathFrom(random).replace(/\/$/, "-")
    return {
      name: `mkdtemp ${prefix}`,
      call: async (fs, at) => {
        const made = await fs.mkdtemp(at(prefix))
        const facts = [made.length - at("").length, made.startsWith(at(prefix)), statFacts(await fs.stat(made))]
        await fs.rmdir(made)
        return facts
      }
    }
  },
  (random) => {
    const wrong = [undefined, null, 1, {}, "a\0b", true, () => 1][random.below(7)] as string
    const which = random.below(5)
    return {
      name: `a wrong path ${which}`,
      call: async (fs, at) => {
        if (which === 0) return fs.stat(wrong)
        if (which === 1) return fs.readFile(wrong)
        if (which === 2) return fs.rename(wrong, at("/a"))
        if (which === 3) return fs.mkdir(wrong)
        return fs.unlink(wrong)
      }
    }
  },
  (random) => {
    const wrong = ["q", "rw", 2 ** 31, 1.5, "é"][random.below(5)]
    const isFlag = random.chance(0.5)
    return {
      name: `a wrong option ${wrong}`,
      call: async (fs, at) => {
        if (isFlag) return fs.open(at("/a"), wrong)
        return fs.truncate(at("/a"), 1.5)
      }
    }
  },
  handleCalls,
  handleCalls,
  streamCalls
]

/** What a call came to, as text. */
const outcomeOf = async (call: () => Promise<unknown>, at: (path: string) => string): Promise<string> => {
  try {
    return `answered ${JSON.stringify(await call(), (_key, value: unknown) => (typeof value === "bigint" ? `${value}n` : value))}`
  } catch (error) {
    const {
      code,
      dest,
      errno,
      message,
      name,
      path: where,
      syscall
    } = error as NodeJS.ErrnoException & { dest?: string }
    const facts = { code, errno, syscall, name, message, path: where, dest }
    const text = `failed ${JSON.stringify(facts)}`.replaceAll(at(""), "")
    // The last letters of a temporary folder are drawn.
    return syscall === "mkdtemp" ? text.replaceAll(/\w{6}(?=["'])/g, "XXXXXX") : text
  }
}

/** Everything below a folder. */
const treeOf = async (fs: Fs, root: string): Promise<ReadonlyArray<string>> => {
  const found: Array<string> = []
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await fs.readdir(folder === "" ? "/" : folder, { withFileTypes: true })) {
      const at = `${folder}/${entry.name}`
      const stat = await fs.lstat(at)
      const content = stat.isSymbolicLink()
        ? await fs.readlink(at)
        : stat.isFile()
          ? (await fs.readFile(at)).toString("hex")
          : ""
      found.push(`${at.slice(root.length)} ${JSON.stringify(statFacts(stat))} ${content}`)
      if (stat.isDirectory()) await visit(at)
    }
  }
  await visit(root)
  return found.toSorted()
}

/** All calls are below it, so that no symbolic link leads out of what both have. */
const BASE = "/1/2/3"

export interface Compared {
  readonly differences: ReadonlyArray<string>
  /** How often each call had each outcome. */
  readonly outcomes: ReadonlyMap<string, number>
}

/** Runs `count` random calls on both. */
export const compare = async (seed: number, count: number): Promise<Compared> => {
  const root = nodeFs.realpathSync(nodeFs.mkdtempSync(path.join(os.tmpdir(), "notafs-node-fs-")))
  const volume = await openVolume({ device: MemoryDevice.layer({ size: 64 * 1024 * 1024 }) })
  const real: Fs = { ...realFs, createReadStream: nodeFs.createReadStream, createWriteStream: nodeFs.createWriteStream }
  const ours = volume.fs as unknown as Fs & Promises
  const differences: Array<string> = []
  const outcomes = new Map<string, number>()
  const random = new Random(seed)
  const inReal = (one: string) => `${root}${BASE}${one}`
  const inOurs = (one: string) => `${BASE}${one}`
  try {
    for (const fs of [real, ours]) await fs.mkdir(fs === real ? inReal("") : inOurs(""), { recursive: true })
    for (let i = 0; i < count && differences.length < 5; i++) {
      const { call, name } = KINDS[random.below(KINDS.length)](random)
      const expected = await outcomeOf(async () => call(real, inReal), inReal)
      const actual = await outcomeOf(async () => call(ours, inOurs), inOurs)
      const code = /"code":"(\w+)"/.exec(expected)?.[1] ?? expected.split(" ")[0]
      const key = `${name.split(" ")[0]} ${code}`
      outcomes.set(key, (outcomes.get(key) ?? 0) + 1)
      if (actual !== expected) differences.push(`${i}: ${name}\n node ${expected}\n ours ${actual}`)
    }
    const [expected, actual] = [await treeOf(real, root), await treeOf(ours, "")]
    if (JSON.stringify(expected) !== JSON.stringify(actual)) {
      const [missing, extra] = [
        expected.filter((line) => !actual.includes(line)),
        actual.filter((line) => !expected.includes(line))
      ]
      differences.push(`the trees: node ${missing.join("\n")}\n ours ${extra.join("\n")}`)
    }
    for (const problem of await volume.check({ deep: true })) differences.push(JSON.stringify(problem))
  } finally {
    await volume.close()
    nodeFs.rmSync(root, { recursive: true, force: true })
  }
  return { differences, outcomes }
}
