/**
 * A small volume in memory for the tests of the check, and the tools that damage it.
 *
 * Damage comes in two kinds: items that are written wrong through the trees, and pages that are changed as bytes. A changed
 * page is sealed again: its checksum and those of all pages above it are made anew, up to the root record, so that the
 * damage is found by what it says and not by its checksum.
 */
import * as crypto from "node:crypto"
import xxhash from "xxhash-wasm"
import * as Allocator from "../../src/core/Allocator.ts"
import * as BTree from "../../src/core/BTree.ts"
import * as Binding from "../../src/core/Binding.ts"
import * as Check from "../../src/core/Check.ts"
import * as Checksum from "../../src/core/Checksum.ts"
import * as Commit from "../../src/core/Commit.ts"
import { Draft } from "../../src/core/Draft.ts"
import * as Extent from "../../src/core/Extent.ts"
import * as Format from "../../src/core/Format.ts"
import * as FreeMap from "../../src/core/FreeMap.ts"
import * as Inode from "../../src/core/Inode.ts"
import type { Layout } from "../../src/core/Layout.ts"
import * as Links from "../../src/core/Links.ts"
import * as Node from "../../src/core/Node.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as RootRecord from "../../src/core/RootRecord.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import type { Roots } from "../../src/core/Roots.ts"
import * as Settle from "../../src/core/Settle.ts"
import * as Superblock from "../../src/core/Superblock.ts"
import * as Tables from "../../src/core/Tables.ts"

const { h64Raw } = await xxhash()
export const xxh64 = Checksum.xxh64((bytes, seed) => h64Raw(bytes, seed))
export const sha256 = Checksum.sha256((parts) => {
  const hash = crypto.createHash("sha256")
  for (const part of parts) hash.update(part)
  return hash.digest()
})

export type RootsDraft = Draft<Roots>

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Bytes that look random and are not. */
export const noise = (seed: number, count: number): Uint8Array => {
  const bytes = new Uint8Array(count)
  let state = seed * 2654435761 + 1
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** A number generator for choices in a test. */
export const chooser = (seed: number): ((end: number) => number) => {
  let state = seed >>> 0
  return (end) => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 0x9e3779b9) >>> 0
    return state % end
  }
}

/** A piece of content: a run with its bytes, a hole of so many bytes, or a branch of pieces. */
export type Piece = Uint8Array | number | ReadonlyArray<Piece>

const FIRST_NUMBER = 2

export interface VolumeOptions {
  readonly pageBytes?: number
  readonly pageCount?: number
  readonly pageCountMax?: number
  readonly extensionBytes?: number
  readonly checksum?: Checksum.Checksum
}

export class Volume {
  readonly disk: Uint8Array
  readonly binding: Binding.Binding
  readonly layout: Layout
  readonly superblock: Superblock.Superblock
  readonly slots: RootSlots.RootSlots
  head: Commit.Head
  #nextInode = FIRST_NUMBER

  constructor(options: VolumeOptions = {}) {
    const { checksum = xxh64, extensionBytes = 0, pageBytes = 512, pageCount = 256 } = options
    const pageCountMax = options.pageCountMax ?? 60_000
    const id = new Uint8Array(16).fill(7)
    const plan = Format.plan(
      {
        pageBytes,
        pageCount,
        devicePageCount: pageCount,
        pageCountMax,
        extensionBytes,
        volumeId: id,
        sessionId: id,
        bootId: id,
        time: BigInt(1)
      },
      checksum
    )
    this.superblock = plan.superblock
    this.slots = plan.superblock.slots
    this.binding = Superblock.binding(plan.superblock, checksum)
    this.layout = this.binding.layout
    this.disk = new Uint8Array(pageBytes * pageCount)
    for (const { address, bytes } of [...plan.first, ...plan.last]) this.write(address, bytes)
    const root = RootRecord.decode(this.binding, this.superblock, 0, this.pages(RootSlots.pageOf(this.slots, 0), 1))
    if ("_tag" in root) throw new Error(root.reason)
    const { cursor, freeCount, map } = root.record
    this.head = { root, allocator: Allocator.make(map, freeCount, cursor, [], RootSlots.reserved(this.slots)) }
  }

  get record(): RootRecord.RootRecord {
    return this.head.root.record
  }

  get pageCount(): number {
    return this.record.map.pageCount
  }

  pages(address: number, count: number): Uint8Array {
    const { pageBytes } = this.layout
    return this.disk.slice(address * pageBytes, (address + count) * pageBytes)
  }

  write(address: number, bytes: Uint8Array): void {
    this.disk.set(bytes, address * this.layout.pageBytes)
  }

  /** Commits what `change` does to the roots. */
  commit(change: (draft: RootsDraft) => void): void {
    const source = { find: (address: number, _birth: number, count: number) => this.pages(address, count) }
    const draft = new Draft(this.binding, source, this.record.generation + 1, this.record.roots)
    draft.attempt()
    change(draft)
    const id = new Uint8Array(16)
    const circumstances = { slots: this.slots, sessionId: id, bootId: id, time: BigInt(2) }
    const plan = Commit.plan(draft, this.head, this.head.allocator, circumstances, false)
    draft.keep()
    if (plan._tag !== "Plan") throw new Error(plan._tag)
    for (const { address, bytes } of plan.writes) this.write(address, bytes)
    this.write(plan.root.page, plan.root.bytes)
    const allocator = Allocator.forget(plan.next.allocator, plan.root.record.generation)
    this.head = { root: plan.root, allocator }
  }

  // ---- items

  put(key: Uint8Array, value: Uint8Array): void {
    this.commit((draft) => putItem(draft, key, value))
  }

  remove(key: Uint8Array): void {
    this.commit((draft) => {
      draft.roots = { ...draft.roots, names: BTree.remove(draft, draft.roots.names, key) }
    })
  }

  /** Puts an inode item, counts it, and names it in a folder. */
  add(folder: number, name: string, inode: Partial<Inode.Inode>, pieces?: ReadonlyArray<Piece>): number {
    const number = this.#nextInode++
    this.commit((draft) => {
      const content = pieces === undefined ? inode.content : ropeOf(draft, pieces)
      const size = content?._tag === "Rope" ? content.size : (content?.bytes.length ?? inode.size ?? 0)
      putItem(draft, Inode.inodeKey(number), inodeItem({ size, ...inode, ...(content && { content }) }))
      addEntry(draft, folder, utf8(name), { number, type: inode.type ?? Inode.FILE })
      grow(draft, folder)
      const { inodeCount, nextInode } = draft.roots
      draft.roots = { ...draft.roots, inodeCount: inodeCount + 1, nextInode: Math.max(nextInode, number + 1) }
    })
    return number
  }

  folder(parent: number, name: string): number {
    return this.add(parent, name, { type: Inode.FOLDER })
  }

  file(parent: number, name: string, pieces: ReadonlyArray<Piece>): number {
    return this.add(parent, name, {}, pieces)
  }

  note(parent: number, name: string, text: string): number {
    return this.add(parent, name, { content: { _tag: "Inline", bytes: utf8(text) } })
  }

  /** Another entry for an inode; `links` are not changed. */
  /** Sets an entry of a table. */
  set(table: string, key: string, value: Uint8Array): void {
    this.commit((draft) => Tables.put(draft, utf8(table), utf8(key), value))
  }

  entry(folder: number, name: string | Uint8Array, entry: Inode.Entry): void {
    this.commit((draft) => {
      const bytes = typeof name === "string" ? utf8(name) : name
      addEntry(draft, folder, bytes, entry)
      grow(draft, folder)
    })
  }

  /** Removes an entry of a number, without a word to folder and inode. */
  unname(folder: number, name: string, number: number): void {
    this.remove(Inode.entryKey(folder, utf8(name)))
    this.remove(Inode.parentKey(number, folder, utf8(name)))
  }

  inode(number: number): Inode.Inode {
    let found: Inode.Inode | undefined
    this.commit((draft) => {
      found = inodeOf(draft, number)
    })
    if (found === undefined) throw new Error("no such inode")
    return found
  }

  change(number: number, change: Partial<Inode.Inode>): void {
    this.commit((draft) => {
      putItem(draft, Inode.inodeKey(number), Inode.encode({ ...inodeOf(draft, number), ...change }))
    })
  }

  // ---- pages

  /** Every page that the root reaches, with what it is. */
  reached(): ReadonlyArray<Found> {
    const found: Array<Found> = []
    const visit = (bytes: Uint8Array, at: number, kind: number, level: number, names: boolean): void => {
      if (Pointer.isNull(this.layout, bytes, at)) return
      const pointer = Pointer.read(this.layout, bytes, at, kind, level)
      const page = this.pages(pointer.address, pointer.pageCount)
      found.push({ pointer, page })
      Links.forEach(this.layout, page, kind, level, names, (...link) => visit(...link, names))
    }
    const { map, roots } = this.record
    visit(roots.names.link, 0, Node.TREE, roots.names.level, true)
    visit(roots.snapshots.link, 0, Node.TREE, roots.snapshots.level, false)
    visit(roots.deadlists.link, 0, Node.TREE, roots.deadlists.level, false)
    visit(map.link, 0, Node.MAP, map.height, false)
    return found
  }

  /** The first reached page of this kind and level. */
  find(kind: number, level: number, where: (found: Found) => boolean = () => true): Found {
    const found = this.reached().find(
      (page) => page.pointer.kind === kind && page.pointer.level === level && where(page)
    )
    if (found === undefined) throw new Error(`no page of kind ${kind} and level ${level}`)
    return found
  }

  /** Changes a page that the root reaches, and seals it again up to the root record. */
  damage(address: number, change: (page: Uint8Array) => void): void {
    const seal = (bytes: Uint8Array, at: number, kind: number, level: number, names: boolean): boolean => {
      if (Pointer.isNull(this.layout, bytes, at)) return false
      const pointer = Pointer.read(this.layout, bytes, at, kind, level)
      const page = this.pages(pointer.address, pointer.pageCount)
      let isChanged = pointer.address === address
      if (isChanged) change(page)
      else {
        Links.forEach(this.layout, page, kind, level, names, (...link) => {
          isChanged = seal(...link, names) || isChanged
        })
      }
      if (!isChanged) return false
      this.write(pointer.address, page)
      Binding.digest(this.binding, pointer, page, bytes, Pointer.checksumAt(this.layout, at))
      return true
    }
    const { map, roots } = this.record
    const names = { ...roots.names, link: roots.names.link.slice() }
    const snapshots = { ...roots.snapshots, link: roots.snapshots.link.slice() }
    const deadlists = { ...roots.deadlists, link: roots.deadlists.link.slice() }
    const link = map.link.slice()
    const isChanged =
      seal(names.link, 0, Node.TREE, names.level, true) ||
      seal(snapshots.link, 0, Node.TREE, snapshots.level, false) ||
      seal(deadlists.link, 0, Node.TREE, deadlists.level, false) ||
      seal(link, 0, Node.MAP, map.height, false)
    if (!isChanged) throw new Error("the root does not reach this page")
    this.root({ map: { ...map, link }, roots: { ...roots, names, snapshots, deadlists } })
  }

  /** Writes the root record again with other facts. */
  root(change: Partial<RootRecord.RootRecord>): void {
    const record = { ...this.record, ...change }
    this.head = { ...this.head, root: RootRecord.encode(this.binding, this.slots, record) }
    this.write(this.head.root.page, this.head.root.bytes)
  }

  /** Marks pages free or in use in the root's own sets. */
  mark(pages: Extent.ExtentSet, isUsed: boolean): void {
    const { freed, used } = this.record.map
    const map = isUsed
      ? { freed: Extent.subtract(freed, pages), used: Extent.union(used, pages) }
      : { freed: Extent.union(freed, Extent.subtract(pages, used)), used: Extent.subtract(used, pages) }
    const change = isUsed ? -Extent.size(pages) : Extent.size(pages)
    this.root({ map: { ...this.record.map, ...map }, freeCount: this.record.freeCount + change })
  }

  /** Puts the changes of the free map into its bitmaps, `leaked` with them, whether or not they fit the root. */
  foldMap(leaked: Extent.ExtentSet): void {
    const source = { find: (address: number, _birth: number, count: number) => this.pages(address, count) }
    const { freeCount, generation, map, roots } = this.record
    const draft = new Draft(this.binding, source, generation, roots)
    draft.attempt()
    const used = Extent.union(map.used, leaked)
    const folded = FreeMap.fold(draft, { ...map, used })
    const link = folded.link.slice()
    const top = { link, kind: Node.MAP, level: map.height, names: false }
    const places = Settle.collect(draft, [top])
    // The new bitmaps go where nothing is, and are changes themselves.
    const home = this.pageCount - places.length - 10
    const writes = Settle.place(
      draft,
      places,
      places.map((_, i) => home + i)
    )
    for (const { address, bytes } of writes) this.write(address, bytes)
    this.root({
      map: { ...folded, link, used: [home, home + places.length] },
      freeCount: freeCount - places.length - Extent.size(leaked)
    })
    draft.keep()
  }

  check(isDeep = true, subject: Partial<Check.Subject> = {}): Check.Report {
    const seen = new Set<number>()
    const { binding, pageCount, record, slots } = this
    return Check.run(
      { binding, slots, record, devicePageCount: pageCount, isDeep, ...subject },
      ({ address, pageCount: count }) => {
        for (let page = address; page < address + count; page++) {
          if (seen.has(page)) throw new Error(`page ${page} is read twice`)
          seen.add(page)
        }
        return this.pages(address, count)
      }
    )
  }
}

export interface Found {
  readonly pointer: Pointer.Pointer
  readonly page: Uint8Array
}

const putItem = (draft: RootsDraft, key: Uint8Array, value: Uint8Array): void => {
  draft.roots = { ...draft.roots, names: BTree.put(draft, draft.roots.names, key, value) }
}

const inodeOf = (draft: RootsDraft, number: number): Inode.Inode => {
  const bytes = BTree.get(draft, draft.roots.names, Inode.inodeKey(number))
  if (bytes === undefined) throw new Error(`inode ${number} is missing`)
  return Inode.decode(draft.layout, bytes, 0, bytes.length)
}

/** Both items of an entry. */
const addEntry = (draft: RootsDraft, folder: number, name: Uint8Array, entry: Inode.Entry): void => {
  putItem(draft, Inode.entryKey(folder, name), Inode.encodeEntry(entry))
  putItem(draft, Inode.parentKey(entry.number, folder, name), new Uint8Array(0))
}

/** One entry more. */
const grow = (draft: RootsDraft, folder: number): void => {
  const inode = inodeOf(draft, folder)
  putItem(draft, Inode.inodeKey(folder), Inode.encode({ ...inode, size: inode.size + 1 }))
}

export const inodeItem = (inode: Partial<Inode.Inode>): Uint8Array =>
  Inode.encode({
    type: Inode.FILE,
    mode: 0o644,
    links: 1,
    uid: 0,
    gid: 0,
    accessTime: BigInt(0),
    modifyTime: BigInt(0),
    changeTime: BigInt(0),
    birthTime: BigInt(-1),
    size: 0,
    content: { _tag: "Inline", bytes: new Uint8Array(0) },
    ...inode
  })

// ---- content, built by hand

const spanOf = (piece: Piece): number =>
  typeof piece === "number"
    ? piece
    : piece instanceof Uint8Array
      ? piece.length
      : piece.reduce((sum: number, part) => sum + spanOf(part), 0)

const levelOf = (piece: Piece): number =>
  typeof piece === "number" || piece instanceof Uint8Array ? 0 : 1 + Math.max(...piece.map(levelOf))

const putPiece = (draft: RootsDraft, bytes: Uint8Array, at: number, level: number, piece: Piece): void => {
  const { layout } = draft
  if (typeof piece === "number") return
  if (piece instanceof Uint8Array) {
    const run = new Uint8Array(Math.ceil(piece.length / layout.pageBytes) * layout.pageBytes)
    run.set(piece)
    draft.createData(bytes, at, run)
    return
  }
  const node = draft.create(bytes, at, Node.ROPE, level)
  Node.setCount(node, piece.length)
  piece.forEach((part, i) => {
    const entryAt = 16 + i * layout.ropeEntryBytes
    const span = spanOf(part)
    for (let byte = 0; byte < 6; byte++) node[entryAt + byte] = Math.floor(span / 256 ** byte) % 256
    putPiece(draft, node, entryAt + 6, level - 1, part)
  })
}

/** The pieces, alone or under one branch. */
const ropeOf = (draft: RootsDraft, pieces: ReadonlyArray<Piece>): Inode.Content => {
  const top = pieces.length === 1 ? pieces[0] : pieces
  const level = levelOf(top)
  const size = spanOf(top)
  const encoded = new Uint8Array(7 + draft.layout.pointerBytes)
  for (let byte = 0; byte < 6; byte++) encoded[byte] = Math.floor(size / 256 ** byte) % 256
  encoded[6] = level
  putPiece(draft, encoded, 7, level, top)
  return { _tag: "Rope", size, encoded }
}
