/**
 * Folders of the host for tests: one with all that is hard to copy, and a description of one by which two can be compared.
 */
import * as crypto from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"

const MIB = 1024 * 1024

/** Bytes that do not repeat, the same for the same seed. */
export const noise = (size: number, seed = 1): Buffer => {
  const bytes = Buffer.alloc(size)
  let state = seed >>> 0 || 1
  for (let at = 0; at + 4 <= size; at += 4) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes.writeInt32LE(state | 0, at)
  }
  return bytes
}

/** Writes files by their paths. */
export const plant = (folder: string, files: Readonly<Record<string, string | Uint8Array>>): void => {
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    fs.writeFileSync(path.join(folder, name), content)
  }
}

/** Makes a folder with all that is hard to copy. */
export const plantNasty = (folder: string): void => {
  const at = (...names: ReadonlyArray<string>) => path.join(folder, ...names)
  fs.mkdirSync(at("deep", ...Array.from({ length: 40 }, (_, i) => `level ${i}`)), { recursive: true })
  fs.mkdirSync(at("empty folder"))
  plant(folder, {
    empty: "",
    "one byte": "x",
    "inline at its longest": noise(1200, 2),
    "a page": noise(4096, 3),
    "a page and a byte": noise(4097, 4),
    "a piece": noise(MIB, 5),
    "a piece and a byte": noise(MIB + 1, 6),
    "ten megabytes": noise(10 * MIB, 7),
    zeros: Buffer.alloc(300_000),
    "ünï çø∂é 🚀 \u0301": "unicode",
    "\u{10ffff} astral": "after all others",
    "\uff5e full width": "before the astral one by bytes, after it by UTF-16",
    ["n".repeat(255)]: "a long name",
    "new\nline and \u001b[31mcolour": "control characters",
    " spaces ": "around",
    "-dash": "like a flag",
    "@at": "like a place inside",
    "back\\slash": "a plain character here"
  })
  const hole = fs.openSync(at("holes"), "w")
  fs.writeSync(hole, noise(70_000, 8), 0, 70_000, 3 * MIB + 5)
  fs.writeSync(hole, Buffer.from("end"), 0, 3, 7 * MIB)
  fs.ftruncateSync(hole, 9 * MIB + 17)
  fs.closeSync(hole)
  fs.writeFileSync(at("only a hole"), "")
  fs.truncateSync(at("only a hole"), 5 * MIB)
  fs.linkSync(at("a page"), at("deep", "hard link"))
  fs.linkSync(at("a page"), at("hard link"))
  fs.symlinkSync("loop", at("loop"))
  fs.symlinkSync("ping", at("pong"))
  fs.symlinkSync("pong", at("ping"))
  fs.symlinkSync("../../outside", at("deep", "outside"))
  fs.symlinkSync("/etc/passwd", at("absolute"))
  fs.symlinkSync("nowhere ünï", at("dangling"))
  fs.symlinkSync("deep", at("to a folder"))
  fs.linkSync(at("dangling"), at("hard link to a link"))
  const modes = { "mode 0000": 0o000, "mode 0400": 0o400, "mode 4755": 0o4755, "mode 2711": 0o2711, "mode 0777": 0o777 }
  for (const [name, mode] of Object.entries(modes)) {
    fs.writeFileSync(at(name), name)
    fs.chmodSync(at(name), mode)
  }
  fs.mkdirSync(at("folder 0000"))
  fs.writeFileSync(at("folder 0000", "inside"), "hidden")
  fs.chmodSync(at("folder 0000"), 0o000)
  fs.mkdirSync(at("folder 1777"))
  fs.chmodSync(at("folder 1777"), 0o1777)
  if (process.getuid?.() === 0) {
    fs.chownSync(at("one byte"), 12345, 54321)
    fs.lchownSync(at("dangling"), 7, 8)
  }
  const times: Readonly<Record<string, string>> = {
    empty: "-474944154.876543211",
    "one byte": "0.000000001",
    "a page": "1700000000.123456789",
    zeros: "-1.5",
    "empty folder": "1000000000.999999999",
    deep: "-2000000000.25"
  }
  for (const [name, time] of Object.entries(times)) fs.utimesSync(at(name), time, time)
  fs.lutimesSync(at("loop"), "1234567890.5", "1234567890.5")
}

/** What a copy has to have in common with the original. */
export interface Description {
  readonly type: "file" | "folder" | "link" | "other"
  readonly mode: number
  readonly owner: string
  readonly size: number
  /** The hash of the content, the target of a link. */
  readonly content: string
  /** The first path, in order, that names the same file. */
  readonly first: string
  readonly mtime: bigint
  readonly blocks: number
}

/** Describes all that is in a folder, by path. */
export const describe = (folder: string): Map<string, Description> => {
  const found = new Map<string, Description>()
  const first = new Map<string, string>()
  const visit = (relative: string): void => {
    const full = path.join(folder, relative)
    const stat = fs.lstatSync(full, { bigint: true })
    const type = stat.isFile() ? "file" : stat.isDirectory() ? "folder" : stat.isSymbolicLink() ? "link" : "other"
    const key = `${stat.dev}:${stat.ino}`
    if (!first.has(key)) first.set(key, relative)
    found.set(relative, {
      type,
      mode: Number(stat.mode) & 0o7777,
      owner: `${stat.uid}:${stat.gid}`,
      size: type === "folder" ? 0 : Number(stat.size),
      content:
        type === "file" ? crypto.hash("sha1", fs.readFileSync(full)) : type === "link" ? fs.readlinkSync(full) : "",
      first: first.get(key) ?? relative,
      mtime: stat.mtimeNs,
      blocks: Number(stat.blocks)
    })
    if (type === "folder") for (const name of fs.readdirSync(full).sort()) visit(path.join(relative, name))
  }
  visit(".")
  return found
}

/** Node gives times to the system as fractions of a second: a copy on the host is right to so many nanoseconds. */
const TIME_TOLERANCE = BigInt(250)

/** How `copy` differs from `original`: lines, none if it does not. */
export const differences = (
  original: ReadonlyMap<string, Description>,
  copy: ReadonlyMap<string, Description>
): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const name of copy.keys()) if (!original.has(name)) found.push(`${name} is new`)
  for (const [name, { blocks: _1, mtime, ...rest }] of original) {
    const other = copy.get(name)
    if (other === undefined) {
      found.push(`${name} is missing`)
      continue
    }
    const { blocks: _2, mtime: otherTime, ...otherRest } = other
    const before = JSON.stringify(rest)
    const after = JSON.stringify(otherRest)
    if (before !== after) found.push(`${name}: ${before} became ${after}`)
    const apart = mtime > otherTime ? mtime - otherTime : otherTime - mtime
    if (apart > TIME_TOLERANCE) found.push(`${name}: the time ${mtime} became ${otherTime}`)
  }
  return found
}
