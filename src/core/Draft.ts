/**
 * The right to write: the nodes that one commit will add, and the pages that it will release.
 *
 * - A node that this draft made is `owned` and is changed in place, since nobody else can see it; every other node is
 *   copied first, and the page it stood on is dead. A savepoint takes ownership away from what came before it.
 * - A node in memory has a number, and a memory pointer holds it. When it is settled (given an address and written) the
 *   number is forwarded to the pointer on disk, so that older copies of its parent still find it.
 * - An operation runs as an attempt. Whatever an attempt changes in place is copied first, and `abandon` puts it back: a
 *   miss in the middle of an operation undoes the operation, and running it again starts from where it began. An operation
 *   that has loaded all it needs says so by `seal`: it saves the copies, and a miss after it is a defect.
 * - Pages die with the birth they had. Pages of the bookkeeping trees belong to no snapshot and are kept apart.
 */
import type { Binding } from "./Binding.ts"
import type * as Extent from "./Extent.ts"
import { invariant } from "./Invariant.ts"
import { type Layout } from "./Layout.ts"
import * as Node from "./Node.ts"
import { CorruptPage, MissingPages, type Pages, type PageSource } from "./Pages.ts"
import * as Pointer from "./Pointer.ts"
import { SavedNodes } from "./SavedNodes.ts"
import { SettledNodes } from "./SettledNodes.ts"

/** Pages that a commit releases. */
export interface DeadExtent {
  readonly address: number
  readonly pageCount: number
  readonly birth: number
  /** Whether they belonged to a bookkeeping tree, which no snapshot sees. */
  readonly bookkeeping: boolean
}

/** A node that is not on disk yet. */
class DirtyNode {
  bytes: Uint8Array
  /** The attempt that last saved or made it. */
  attempt: number
  /** Whether it is a node of a tree, and no content. */
  readonly isTree: boolean
  constructor(bytes: Uint8Array, attempt: number, isTree: boolean) {
    this.bytes = bytes
    this.attempt = attempt
    this.isTree = isTree
  }
}

const isOfKind = (node: Uint8Array, kind: number, level: number): boolean =>
  kind === Node.DATA || (Node.kind(node) === kind && Node.level(node) === level)

interface Mark<Roots> {
  readonly roots: Roots
  readonly nextId: number
  readonly deadCount: number
}

/** What {@link Draft.savepoint} gives, to be rolled back or released, innermost first. */
export interface Savepoint<Roots> extends Mark<Roots> {
  readonly ownedFrom: number
  /** Nodes of before the savepoint that only it still sees. */
  readonly shadowed: Array<number>
}

export class Draft<Roots> implements Pages {
  readonly layout: Layout
  readonly binding: Binding
  /** The birth of all that this draft writes from now on. */
  generation: number
  /** The roots of all trees, as they stand now. An operation reads them here and nowhere else. */
  roots: Roots
  /** What has died so far. */
  readonly dead: Array<DeadExtent> = []
  /** Bytes of all nodes in memory. */
  dirtyBytes = 0
  /** Grows with every edit: tells whether an operation has changed anything. */
  changeCount = 0
  /** Grows with what changes which nodes of trees there are, or whose they are; a copy that takes a node's place is no change. */
  shape = 0
  /** Where the buffers of nodes and of runs come from that are filled whole; what they hold at first means nothing. */
  takeBuffer: (byteCount: number) => Uint8Array = (byteCount) => new Uint8Array(byteCount)
  /** Set while a bookkeeping tree is edited. */
  bookkeeping = false
  /** Whether it has ever made a node of a file's content: else no item of a leaf names a node in memory. */
  hasContent = false

  readonly #source: PageSource
  readonly #nodes: Array<DirtyNode | undefined> = [undefined]
  readonly #settled: SettledNodes
  readonly #savepoints: Array<Savepoint<Roots>> = []
  #nextId = 1
  #ownedFrom = 1
  #attempt = 0
  #attempting = false
  #sealed = false
  #mark: Mark<Roots>
  readonly #saved: SavedNodes
  readonly #discarded: Array<number> = []

  constructor(binding: Binding, source: PageSource, generation: number, roots: Roots) {
    this.layout = binding.layout
    this.binding = binding
    this.generation = generation
    this.roots = roots
    this.#source = source
    this.#settled = new SettledNodes(binding.layout)
    this.#saved = new SavedNodes(binding.layout.pageBytes)
    this.#mark = { roots, nextId: 1, deadCount: 0 }
  }

  /** Another one whenever something has happened to the draft. */
  get version(): number {
    return this.changeCount + this.shape
  }

  // ---- reading

  node(bytes: Uint8Array, at: number, kind: number, level: number): Uint8Array {
    return this.#find(bytes, at, kind, level) ?? this.#miss(bytes, at, kind, level)
  }

  peek(
    bytes: Uint8Array,
    at: number,
    kind: number,
    level: number,
    missing: Array<Pointer.Pointer>
  ): Uint8Array | undefined {
    const found = this.#find(bytes, at, kind, level)
    if (found === undefined) missing.push(this.#pointer(bytes, at, kind, level))
    return found
  }

  // ---- writing

  /** Whether the pointer at `bytes[at]` names a node of this draft that is changed in place: `edit` leaves the pointer as it is. */
  owns(bytes: Uint8Array, at: number): boolean {
    const { layout } = this
    if (!Pointer.isMemory(layout, bytes, at)) return false
    const id = Pointer.memoryId(layout, bytes, at)
    return id >= this.#ownedFrom && this.#nodes[id] !== undefined
  }

  /**
   * The node that the pointer at `bytes[at]` names, to be changed in place. If this draft does not own it, a copy takes its
   * place and the pointer at `bytes[at]` is changed to name the copy: the caller must own `bytes`.
   */
  edit(bytes: Uint8Array, at: number, kind: number, level: number): Uint8Array {
    invariant(this.#attempting, "a draft is edited inside an attempt")
    const { layout } = this
    if (Pointer.isMemory(layout, bytes, at)) {
      const id = Pointer.memoryId(layout, bytes, at)
      const dirty = this.#nodes[id]
      if (dirty !== undefined && id >= this.#ownedFrom) {
        if (!this.#sealed && dirty.attempt !== this.#attempt) {
          dirty.attempt = this.#attempt
          this.#saved.save(dirty.bytes)
        }
        this.changeCount++
        return dirty.bytes
      }
    }
    const node = this.node(bytes, at, kind, level)
    const copy = this.takeBuffer(node.length)
    copy.set(node)
    this.discard(bytes, at)
    this.#add(bytes, at, copy, kind !== Node.TREE)
    return copy
  }

  /** Makes a new empty node and writes its pointer to `bytes[at]`, which the caller owns. */
  create(bytes: Uint8Array, at: number, kind: number, level: number): Uint8Array {
    const node = this.takeBuffer(this.layout.pageBytes)
    Node.clear(node, kind, level)
    if (kind === Node.TREE) this.shape++
    this.#add(bytes, at, node, kind !== Node.TREE)
    return node
  }

  /** Takes over `data`, whole pages of file content, and writes their pointer to `bytes[at]`, which the caller owns. */
  createData(bytes: Uint8Array, at: number, data: Uint8Array): void {
    invariant(data.length > 0 && data.length % this.layout.pageBytes === 0, "a data run is whole pages")
    this.#add(bytes, at, data, true)
  }

  /**
   * Puts pages of content that begin like it in the place of a node that this draft owns: the one that the pointer at `bytes[at]`
   * names, which is changed. There is no undoing that, so the attempt has been sealed.
   */
  replace(bytes: Uint8Array, at: number, data: Uint8Array): void {
    invariant(this.isSealed && this.owns(bytes, at), "a run grows at the end of an operation, where it is owned")
    const id = Pointer.memoryId(this.layout, bytes, at)
    const dirty = this.#nodes[id]!
    this.dirtyBytes += data.length - dirty.bytes.length
    dirty.bytes = data
    Pointer.writeMemory(this.layout, bytes, at, id, data.length / this.layout.pageBytes)
  }

  /** The node (not what is under it) that the pointer at `bytes[at]` names is no longer part of its tree. */
  discard(bytes: Uint8Array, at: number): void {
    invariant(this.#attempting, "a draft is edited inside an attempt")
    const { layout } = this
    if (Pointer.isNull(layout, bytes, at)) return
    if (Pointer.isMemory(layout, bytes, at)) {
      const id = Pointer.memoryId(layout, bytes, at)
      const settled = this.#settled.get(id)
      if (settled !== undefined) return this.discard(settled, 0)
      this.changeCount++
      if (this.#nodes[id]?.isTree === true) this.shape++
      this.#discarded.push(id)
      return
    }
    this.release(
      Pointer.address(layout, bytes, at),
      Pointer.pageCount(layout, bytes, at),
      Pointer.birth(layout, bytes, at)
    )
  }

  /** The pages of this extent are no longer part of their tree; for a run of which another part survives. */
  release(address: number, pageCount: number, birth: number): void {
    this.changeCount++
    this.dead.push({ address, pageCount, birth, bookkeeping: this.bookkeeping })
  }

  // ---- attempts

  /** Begins an operation. */
  attempt(): void {
    invariant(!this.#attempting, "one operation at a time runs on a draft")
    this.#attempting = true
    this.#sealed = false
    this.#attempt++
    this.#mark = { roots: this.roots, nextId: this.#nextId, deadCount: this.dead.length }
  }

  /** The operation has loaded all that it needs: from here on a miss is a defect and nothing is saved for undoing. */
  seal(): void {
    this.#sealed = true
  }

  /** Whether the running operation can no longer be abandoned. */
  get isSealed(): boolean {
    return this.#attempting && this.#sealed
  }

  /** Ends an operation: what it did stays. */
  keep(): void {
    invariant(this.#attempting, "an attempt is kept once")
    this.#attempting = false
    this.bookkeeping = false
    this.#saved.forget()
    for (const id of this.#discarded) {
      if (id >= this.#ownedFrom) this.#forget(id)
      else this.#savepoints[this.#savepoints.length - 1].shadowed.push(id)
    }
    this.#discarded.length = 0
  }

  /** Ends an operation: what it did is undone. */
  abandon(): void {
    invariant(this.#attempting, "an attempt is abandoned once")
    invariant(!this.#sealed, "a sealed operation is not abandoned")
    this.#attempting = false
    this.bookkeeping = false
    this.roots = this.#mark.roots
    this.shape++
    this.#saved.restore()
    this.#discarded.length = 0
    for (let id = this.#mark.nextId; id < this.#nextId; id++) this.#forget(id)
    this.#nextId = this.#mark.nextId
    this.dead.length = this.#mark.deadCount
  }

  // ---- savepoints

  savepoint(): Savepoint<Roots> {
    invariant(!this.#attempting, "a savepoint lies between operations")
    const savepoint: Savepoint<Roots> = {
      roots: this.roots,
      nextId: this.#nextId,
      deadCount: this.dead.length,
      ownedFrom: this.#ownedFrom,
      shadowed: []
    }
    this.shape++
    this.#savepoints.push(savepoint)
    this.#ownedFrom = this.#nextId
    return savepoint
  }

  /** Everything since the savepoint stays. */
  merge(savepoint: Savepoint<Roots>): void {
    invariant(this.#savepoints.pop() === savepoint, "savepoints end innermost first")
    this.#ownedFrom = savepoint.ownedFrom
    const outer = this.#savepoints[this.#savepoints.length - 1]
    for (const id of savepoint.shadowed) {
      if (id >= this.#ownedFrom) this.#forget(id)
      else outer.shadowed.push(id)
    }
  }

  /** Everything since the savepoint is undone. Pages written early since then are dead: free only in the next commit. */
  rollback(savepoint: Savepoint<Roots>): void {
    invariant(!this.#attempting, "a rollback lies between operations")
    invariant(this.#savepoints.pop() === savepoint, "savepoints end innermost first")
    this.shape++
    this.#ownedFrom = savepoint.ownedFrom
    this.roots = savepoint.roots
    this.dead.length = savepoint.deadCount
    const { layout } = this
    // A settled number stays known: an outer rollback takes back what this one declared dead, and declares it again.
    for (let id = savepoint.nextId; id < this.#nextId; id++) {
      this.#forget(id)
      const settled = this.#settled.get(id)
      if (settled === undefined) continue
      this.release(Pointer.address(layout, settled, 0), Pointer.pageCount(layout, settled, 0), this.generation)
    }
  }

  // ---- settling

  /** The bytes of a node that is still in memory, or `undefined` if it has an address by now. */
  dirty(id: number): Uint8Array | undefined {
    return this.#nodes[id]?.bytes
  }

  /** The pointer on disk of a node that was settled. */
  settled(id: number): Uint8Array | undefined {
    return this.#settled.get(id)
  }

  /** How many nodes have an address by now. */
  get settledCount(): number {
    return this.#settled.size
  }

  /** All pages that this draft has written so far. */
  writtenExtents(): Extent.ExtentSet {
    return this.#settled.extents()
  }

  /** The node `id` has an address now; its bytes must not change any more. */
  settle(id: number, pointer: Uint8Array): void {
    invariant(this.#nodes[id] !== undefined, "only a node in memory is settled")
    this.shape++
    this.#forget(id)
    this.#settled.add(id, pointer)
  }

  #add(bytes: Uint8Array, at: number, node: Uint8Array, isContent: boolean): void {
    invariant(this.#attempting, "a draft is edited inside an attempt")
    this.changeCount++
    if (isContent) this.hasContent = true
    const id = this.#nextId++
    this.#nodes[id] = new DirtyNode(node, this.#attempt, !isContent)
    this.dirtyBytes += node.length
    Pointer.writeMemory(this.layout, bytes, at, id, node.length / this.layout.pageBytes)
  }

  #forget(id: number): void {
    const dirty = this.#nodes[id]
    if (dirty === undefined) return
    this.dirtyBytes -= dirty.bytes.length
    this.#nodes[id] = undefined
  }

  #find(bytes: Uint8Array, at: number, kind: number, level: number): Uint8Array | undefined {
    const { layout } = this
    if (Pointer.isMemory(layout, bytes, at)) {
      const id = Pointer.memoryId(layout, bytes, at)
      const dirty = this.#nodes[id]
      if (dirty !== undefined) {
        if (isOfKind(dirty.bytes, kind, level)) return dirty.bytes
      } else {
        const settled = this.#settled.get(id)
        if (settled !== undefined) return this.#find(settled, 0, kind, level)
      }
      // Every pointer of ours names a node of this draft: this one was read from a disk that somebody forged.
      throw new CorruptPage(undefined, "a pointer names a node in memory")
    }
    return this.#source.find(
      Pointer.address(layout, bytes, at),
      Pointer.birth(layout, bytes, at),
      Pointer.pageCount(layout, bytes, at),
      kind,
      level
    )
  }

  #miss(bytes: Uint8Array, at: number, kind: number, level: number): never {
    invariant(!this.#sealed || !this.#attempting, "a sealed operation has loaded all that it needs")
    throw new MissingPages([this.#pointer(bytes, at, kind, level)])
  }

  #pointer(bytes: Uint8Array, at: number, kind: number, level: number): Pointer.Pointer {
    const id = Pointer.isMemory(this.layout, bytes, at) ? Pointer.memoryId(this.layout, bytes, at) : undefined
    const settled = id === undefined ? undefined : this.#settled.get(id)
    return settled === undefined
      ? Pointer.read(this.layout, bytes, at, kind, level)
      : Pointer.read(this.layout, settled, 0, kind, level)
  }
}
