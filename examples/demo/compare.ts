/**
 * Two folders of the host, compared without any help of notafs.
 */
import * as fs from "node:fs"
import * as path from "node:path"

export interface Measure {
  readonly fileCount: number
  readonly linkCount: number
  readonly byteCount: number
}

/** All paths under a folder, relative to it, each folder before what is in it. */
const paths = (folder: string): ReadonlyArray<string> =>
  fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()

export const measure = (folder: string): Measure => {
  let fileCount = 0
  let linkCount = 0
  let byteCount = 0
  for (const name of paths(folder)) {
    const stat = fs.lstatSync(path.join(folder, name))
    if (stat.isSymbolicLink()) linkCount++
    if (!stat.isFile()) continue
    fileCount++
    byteCount += stat.size
  }
  return { fileCount, linkCount, byteCount }
}

const kindOf = (stat: fs.Stats): string =>
  stat.isFile() ? "file" : stat.isDirectory() ? "folder" : stat.isSymbolicLink() ? "link" : "other"

/** How a copy differs from its original: a line each, none if it does not. */
export const compare = (original: string, copy: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  const names = new Set(paths(original))
  for (const name of paths(copy)) if (!names.has(name)) found.push(`${name} is only in the copy`)
  /** Names of one file in the original, and what names it in the copy. */
  const inodes = new Map<string, number>()
  for (const name of names) {
    const before = fs.lstatSync(path.join(original, name))
    const after = fs.lstatSync(path.join(copy, name), { throwIfNoEntry: false })
    if (after === undefined) {
      found.push(`${name} is missing`)
      continue
    }
    if (kindOf(before) !== kindOf(after)) found.push(`${name} was a ${kindOf(before)} and is a ${kindOf(after)}`)
    else if (before.mode !== after.mode) found.push(`${name} has another mode`)
    else if (before.isSymbolicLink()) {
      const same = fs.readlinkSync(path.join(original, name)) === fs.readlinkSync(path.join(copy, name))
      if (!same) found.push(`${name} leads elsewhere`)
    } else if (before.isFile()) {
      if (Math.abs(before.mtimeMs - after.mtimeMs) > 0.001) found.push(`${name} has another time`)
      const same = fs.readFileSync(path.join(original, name)).equals(fs.readFileSync(path.join(copy, name)))
      if (!same) found.push(`${name} has other content`)
      const key = `${before.dev}:${before.ino}`
      const first = inodes.get(key)
      if (first === undefined) inodes.set(key, after.ino)
      else if (first !== after.ino) found.push(`${name} is no longer a name of the same file`)
    }
  }
  return found
}
