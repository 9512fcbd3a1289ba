/** What a volume holds by the file system's own reading side, through an open session. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Attributes from "../../src/core/Attributes.ts"
import * as Content from "../../src/core/Content.ts"
import type { FileResult } from "../../src/core/FileError.ts"
import * as Folder from "../../src/core/Folder.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Inodes from "../../src/core/Inodes.ts"
import * as Orphans from "../../src/core/Orphans.ts"
import type { Pages } from "../../src/core/Pages.ts"
import type { Roots } from "../../src/core/Roots.ts"
import * as Tables from "../../src/core/Tables.ts"
import type { Snapshot, Volume } from "../../src/shell/Volume.ts"
import { hex } from "./Scan.ts"
import type { FilesSummary, InodeSummary, SnapshotSummary, Stretch, Summary, TableSummary } from "./Summary.ts"
import { attributeText, dataOf, entryText, withSnapshots, withTables } from "./Summary.ts"

const types = ["", "file", "folder", "symlink"]
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const countMax = 1_000_000

const succeed = <A>(result: FileResult<A>): A => Result.getOrThrowWith(result, (error) => new Error(error._tag))

const stretchesOf = (pages: Pages, { names }: Roots, number: number, inode: Inode.Inode): ReadonlyArray<Stretch> => {
  const stretches: Array<Stretch> = []
  const push = (offset: number, length: number): void => {
    if (length === 0) return
    const bytes = new Uint8Array(length)
    Content.readInode(pages, inode, offset, bytes)
    stretches.push({ offset, bytes })
  }
  if (inode.type === Inode.SYMBOLIC_LINK) {
    push(0, Content.linkTarget(pages, inode).length)
  } else if (inode.type === Inode.FILE) {
    for (let offset = 0; ;) {
      const segment = succeed(Content.segment(pages, names, number, offset))
      if (segment === undefined) break
      if (!segment.isHole) push(segment.offset, segment.count)
      offset = segment.offset + segment.count
    }
  }
  return stretches
}

const inodeSummary = (pages: Pages, roots: Roots, number: number): InodeSummary => {
  const { names } = roots
  const inode = Inodes.get(pages, names, number)
  if (inode === undefined) throw new Error(`inode ${number} is missing`)
  const attributes = succeed(Attributes.list(pages, names, number, undefined, countMax)).map((name) => [
    decoder.decode(name),
    attributeText(succeed(Attributes.get(pages, names, number, name)))
  ])
  return {
    type: types[inode.type],
    mode: inode.mode.toString(8),
    links: inode.links,
    uid: inode.uid,
    gid: inode.gid,
    accessTime: `${inode.accessTime}`,
    modifyTime: `${inode.modifyTime}`,
    changeTime: `${inode.changeTime}`,
    birthTime: `${inode.birthTime}`,
    size: inode.size,
    data: dataOf(stretchesOf(pages, roots, number, inode)),
    attributes: Object.fromEntries(attributes)
  }
}

interface Names {
  readonly paths: Readonly<Record<string, number>>
  readonly orphans: ReadonlyArray<number>
  readonly numbers: ReadonlyArray<number>
}

const namesOf = (pages: Pages, { names }: Roots): Names => {
  const paths: Record<string, number> = { "/": Inode.ROOT }
  const numbers = new Set<number>()
  const descend = (folder: number, found: (path: string, number: number) => void, prefix: string): void => {
    for (const { name, number, type } of Folder.entries(pages, names, folder, undefined, countMax)) {
      const path = `${prefix}/${decoder.decode(name)}`
      found(path, number)
      numbers.add(number)
      if (type === Inode.FOLDER) descend(number, found, path)
    }
  }
  numbers.add(Inode.ROOT)
  descend(
    Inode.ROOT,
    (path, number) => {
      paths[path] = number
    },
    ""
  )
  const orphans: Array<number> = []
  for (let number = Orphans.next(pages, names, 0); number !== undefined; number = Orphans.next(pages, names, number)) {
    orphans.push(number)
    numbers.add(number)
    if (Inodes.get(pages, names, number)?.type === Inode.FOLDER) descend(number, () => {}, "")
  }
  return { paths, orphans, numbers: [...numbers] }
}

const tablesOf = (pages: Pages, { names }: Roots): Readonly<Record<string, TableSummary>> => {
  const range = { from: undefined, to: undefined, isReverse: false }
  const limits = { countMax, byteCountMax: Number.POSITIVE_INFINITY, hasValues: true }
  return Object.fromEntries(
    Tables.list(pages, names, undefined, countMax).map(({ count, name, number }) => {
      const { entries } = Tables.scan(pages, names, name, range, limits)
      const texts = entries.map(({ key, value }) => entryText(key, value ?? new Uint8Array(0)))
      return [decoder.decode(name), { number, count, entries: Object.fromEntries(texts) }]
    })
  )
}

const filesOf = Effect.fnUntraced(function* (volume: Volume["Service"]) {
  const { paths, orphans, numbers } = yield* volume.read(namesOf)
  const inodes: Record<string, InodeSummary> = {}
  for (const number of numbers)
    inodes[number] = yield* volume.read((pages, roots) => inodeSummary(pages, roots, number))
  const files: FilesSummary = { orphans, paths, inodes }
  return withTables(files, yield* volume.read(tablesOf))
})

const snapshotSummary = Effect.fnUntraced(function* (volume: Volume["Service"], snapshot: Snapshot) {
  const { name, id, generation, time, inodeCount } = snapshot
  const files = yield* Effect.scoped(Effect.flatMap(volume.snapshots.open(name), filesOf))
  const summary: SnapshotSummary = { name, id: hex(id), generation, time: `${time}`, inodeCount, ...files }
  return summary
})

/** Everything that the running session shows, and what it counts. */
export const shippedSummary = Effect.fnUntraced(function* (volume: Volume["Service"]) {
  const files = yield* filesOf(volume)
  const { pageBytes, size, free, generation, inodeCount } = yield* volume.statistics
  const summary: Summary = {
    pageSize: pageBytes,
    pageCount: size / pageBytes,
    volumeId: hex(volume.facts.volumeId),
    checksum: volume.facts.checksum,
    generation,
    freePages: free / pageBytes,
    inodeCount,
    ...files
  }
  const snapshots = yield* volume.snapshots.list
  return withSnapshots(summary, yield* Effect.forEach(snapshots, (snapshot) => snapshotSummary(volume, snapshot)))
})
