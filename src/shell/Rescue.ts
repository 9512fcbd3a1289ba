/**
 * Takes out of a damaged volume all that verifies, from one of its roots.
 *
 * - The root is the one that an opening would take; if none opens, the newest that decodes; or one that is asked for. Pages of
 *   roots older than the two newest may have been written again: they fail their checksum and count as lost.
 * - It needs one copy of the superblock and one root record. It takes no lock and writes nothing to the device.
 * - Nothing is given that does not verify; what is lost is told, with its place and its reason.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Content from "../core/Content.ts"
import type * as Inode from "../core/Inode.ts"
import * as Recovery from "../core/Recovery.ts"
import * as CoreRescue from "../core/Rescue.ts"
import { inodeIn, type LostRange, type Piece, RescueContent, tableEntriesIn } from "../core/RescueContent.ts"
import * as RescueTree from "../core/RescueTree.ts"
import type { EncodedRoot } from "../core/RootRecord.ts"
import type { BlockDevice } from "./BlockDevice.ts"
import * as FileStat from "./FileStat.ts"
import * as Hashes from "./Hashes.ts"
import * as Opening from "./Opening.ts"
import * as SlotReading from "./SlotReading.ts"
import * as TolerantReading from "./TolerantReading.ts"
import * as VolumeError from "./VolumeError.ts"

export type { LostRange, Piece }

const decoder = new TextDecoder()

export interface Options {
  /** The generation of the root, if not the newest that opens. */
  readonly generation?: number | undefined
  /** Takes the root before the one that would be taken. */
  readonly older?: boolean | undefined
}

/** A root that a slot still holds. */
export interface Root {
  readonly generation: number
  /** When it was made, in nanoseconds since 1970. */
  readonly time: bigint
}

/** A file, folder or symbolic link that has a place; what stands before it in the list is its folder. */
export interface Item {
  /** The index of its folder; -1 for the first one, the root. */
  readonly parent: number
  readonly name: string
  readonly path: string
  readonly type: FileStat.Type
  /** Equal for the names of one file. */
  readonly number: number
  /** Bytes of a file. */
  readonly size: number
  /** Whether its inode is there: without it a file has no content, and a folder only its place. */
  readonly isFound: boolean
}

/** Something that is lost, other than content. */
export interface Lost {
  readonly path: string | undefined
  readonly reason: string
}

/** A table of which something is left. */
export interface Table {
  /** None if it is lost. */
  readonly name: string | undefined
  readonly number: number
  /** Of the entries that are left. */
  readonly count: number
}

/** An entry of a table: its value, or why that is lost. */
export interface TableEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
  readonly reason: string | undefined
}

export interface Rescue {
  readonly root: Root
  /** All roots that the slots hold, the newest first. */
  readonly roots: ReadonlyArray<Root>
  /** Why the root that an opening would take was not to be had, if it was not. */
  readonly fault: string | undefined
  readonly items: ReadonlyArray<Item>
  readonly lost: ReadonlyArray<Lost>
  /** What is known of an item; `undefined` if its page does not verify any more. */
  readonly stat: (item: Item) => Effect.Effect<FileStat.Stat | undefined>
  /** Gives all pieces of an item's content that verify to `use`, in order, and answers what is lost of it. */
  readonly content: <E, R>(
    item: Item,
    use: (piece: Piece) => Effect.Effect<void, E, R>
  ) => Effect.Effect<ReadonlyArray<LostRange>, E, R>
  readonly tables: ReadonlyArray<Table>
  /** Gives all entries of a table that are left to `use`, in the order of their keys. */
  readonly entries: <E, R>(
    table: Table,
    use: (entry: TableEntry) => Effect.Effect<void, E, R>
  ) => Effect.Effect<void, E, R>
}

/** A longer value is not taken out, in bytes: as text it would be longer than a text can be. */
const VALUE_BYTES_MAX = 2 ** 28

const choose = (
  roots: ReadonlyArray<EncodedRoot>,
  usual: EncodedRoot,
  { generation, older }: Options
): EncodedRoot | undefined => {
  if (generation !== undefined) return roots.find(({ record }) => record.generation === generation)
  if (older !== true) return usual
  return roots.find(({ record }) => record.generation < usual.record.generation)
}

const rootOf = ({ record: { generation, time } }: EncodedRoot): Root => ({ generation, time })

/** Looks at a damaged volume: finds a root, and all names that are left. */
export const open = Effect.fnUntraced(function* (device: BlockDevice["Service"], options: Options = {}) {
  const hashes = yield* Hashes.load
  const found = yield* Opening.find(device, Hashes.all(hashes))
  const { superblock } = found
  if (superblock === undefined) return yield* VolumeError.make(Opening.noSuperblock(device, found))
  const binding = Opening.bindingOf(hashes, superblock)
  const slots = yield* SlotReading.readSlots(device, superblock)
  const roots = Recovery.roots(binding, superblock, slots.pages)
  const opened = yield* Effect.result(SlotReading.examine(device, binding, superblock, slots, true))
  const fault = Result.isFailure(opened) ? opened.failure : undefined
  const rejected = Result.isSuccess(opened) ? opened.success.rejected[0] : undefined
  const mayChoose = options.generation !== undefined || options.older === true
  const isNewer = fault?.reason._tag === "UnsupportedFormat"
  if (fault !== undefined && (roots.length === 0 || (isNewer && !mayChoose))) return yield* fault
  const usual = Result.isSuccess(opened) ? opened.success.root : roots[0]
  const root = choose(roots, usual, options)
  if (root === undefined) {
    const which = options.generation === undefined ? "older root" : `root ${options.generation}`
    const generations = roots.map(({ record }) => record.generation).join(", ")
    const reason = `it has no ${which}, only ${generations}`
    return yield* VolumeError.make(new VolumeError.InvalidOptions({ device: device.identity, reason }))
  }

  const { layout } = binding
  const { map, roots: trees } = root.record
  const names = new CoreRescue.Rescue(binding, root.record)
  for (let wanted = names.next(); wanted.length > 0; wanted = names.next()) {
    names.take(yield* TolerantReading.read(device, layout.pageBytes, wanted))
  }
  const tree = RescueTree.make(names, trees.inodeCount)
  const items = tree.items.map((item, index): Item => {
    const { name, number, parent, row } = item
    const type = FileStat.typeOf(item.type as Inode.Type)
    const path = RescueTree.pathOf(tree.items, index)
    const size = type === "File" ? (row?.size ?? 0) : 0
    return { parent, name, path, type, number, size, isFound: row !== undefined }
  })

  /** The page that the last item stood on: its neighbours stand there too. */
  let leaf: { readonly address: number; readonly bytes: Uint8Array } | undefined
  const inodeOf = Effect.fnUntraced(function* ({ number }: Item) {
    const pointer = names.rows.get(number)?.leaf
    if (pointer === undefined) return undefined
    if (leaf?.address !== pointer.address) {
      const [bytes] = yield* TolerantReading.readCall(device, layout.pageBytes, [pointer])
      if (bytes === undefined || CoreRescue.fault(binding, pointer, bytes) !== undefined) return undefined
      leaf = { address: pointer.address, bytes }
    }
    return inodeIn(layout, leaf.bytes, number)
  })

  /** The files that branches of ropes belong to. No writer names a page twice. */
  const owners = new Map<number, number>()
  const pieces = Effect.fnUntraced(function* <E, R>(
    number: number,
    holder: Pick<Inode.Inode, "content" | "size">,
    use: (piece: Piece) => Effect.Effect<void, E, R>
  ) {
    const seen = new Set<number>()
    const machine = new RescueContent(binding, holder, map.pageCount, (address) => {
      const isTaken = seen.has(address) || (owners.get(address) ?? number) !== number
      seen.add(address)
      if (!isTaken) owners.set(address, number)
      return isTaken
    })
    for (;;) {
      for (const piece of machine.pieces()) yield* use(piece)
      const wanted = machine.next()
      if (wanted.length === 0) return machine.lostRanges()
      machine.take(yield* TolerantReading.read(device, layout.pageBytes, wanted))
    }
  })

  const content: Rescue["content"] = Effect.fnUntraced(function* (item, use) {
    const inode = yield* inodeOf(item)
    if (inode !== undefined) return yield* pieces(item.number, inode, use)
    return [{ offset: 0, byteCount: item.size, address: undefined, reason: "its inode is lost" }]
  })

  const value = Effect.fnUntraced(function* (number: number, stored: Inode.Content) {
    const size = Content.sizeOf(stored)
    if (size > VALUE_BYTES_MAX) return { value: undefined, reason: `it has ${size} bytes, which is too much` }
    const bytes = new Uint8Array(size)
    const lost = yield* pieces(number, { content: stored, size }, (piece) =>
      Effect.sync(() => bytes.set(piece.bytes, piece.offset))
    )
    return lost.length === 0 ? { value: bytes, reason: undefined } : { value: undefined, reason: lost[0].reason }
  })

  const entries: Rescue["entries"] = Effect.fnUntraced(function* ({ number }, use) {
    for (const pointer of names.tableEntries.get(number)?.leaves ?? []) {
      const [bytes] = yield* TolerantReading.readCall(device, layout.pageBytes, [pointer])
      // It verified a moment ago.
      if (bytes === undefined || CoreRescue.fault(binding, pointer, bytes) !== undefined) continue
      for (const { content: stored, key } of tableEntriesIn(layout, bytes, number)) {
        yield* use({ key, ...(yield* value(number, stored)) })
      }
    }
  })

  const numbers = new Set([...names.tables.keys(), ...names.tableEntries.keys()])
  const tables = [...numbers].map((number): Table => {
    const row = names.tables.get(number)
    return {
      name: row && decoder.decode(row.name),
      number,
      count: names.tableEntries.get(number)?.count ?? 0
    }
  })

  const rescue: Rescue = {
    root: rootOf(root),
    roots: roots.map(rootOf),
    fault: fault?.message ?? (rejected && `root ${rejected.generation} is not complete: ${rejected.reason}`),
    items,
    lost: tree.lost.map(({ item, reason }) => ({ path: item === undefined ? undefined : items[item].path, reason })),
    stat: (item) =>
      Effect.map(inodeOf(item), (inode) => (inode === undefined ? undefined : FileStat.make(item.number, inode))),
    content,
    tables,
    entries
  }
  return rescue
})
