/**
 * What the snapshot tree and the deadlists say, as a check reads them: any bytes give an item or a problem.
 *
 * - Offsets and tags stand here once more on purpose, as in `CheckItem`.
 * - The tree of a snapshot is followed after those of the root: a page that the root reaches too is known by then, and all
 *   under it with it. What is left must stand on a deadlist, and everything on a deadlist must be left (I8).
 */
import { compare, readUint48, readUint48Key } from "./Bytes.ts"
import type { Problems } from "./CheckReport.ts"
import type { CheckSpace } from "./CheckSpace.ts"
import type { Layout } from "./Layout.ts"

const LEVEL_MAX = 48
const NAME_BYTES_MAX = 255

/** A snapshot: where in `bytes`, a copy of its value, the pointer of its tree stands. */
export interface Seen {
  readonly generation: number
  readonly bytes: Uint8Array
  readonly names: { readonly at: number; readonly level: number }
  readonly name: Uint8Array
}

export class CheckSnapshots {
  readonly #layout: Layout
  readonly #problems: Problems
  readonly #newest: number
  /** In the order of their keys: oldest first. */
  readonly found: Array<Seen> = []
  /** Names and what they stand for. */
  readonly #names: Array<{ readonly name: Uint8Array; readonly generation: number }> = []
  /** Generations whose lists are not empty. */
  readonly #listed = new Set<number>()
  entryCount = 0

  constructor(layout: Layout, problems: Problems, newest: number) {
    this.#layout = layout
    this.#problems = problems
    this.#newest = newest
  }

  #bad(message: string, address: number): boolean {
    this.#problems.add("SnapshotItem", message, { address })
    return false
  }

  /** An item of the snapshot tree; tells whether it makes sense. */
  item(node: Uint8Array, keyAt: number, keyEnd: number, end: number, address: number): boolean {
    const tag = node[keyAt]
    if (tag === 0) return this.#snapshot(node, keyAt, keyEnd, end, address)
    if (tag !== 1 && tag !== 2) return this.#bad(`a key of the snapshot tree has the unknown tag ${tag}`, address)
    if (end - keyEnd !== 6) return this.#bad("a generation of the snapshot tree has the wrong length", address)
    const generation = readUint48(node, keyEnd)
    if (tag === 1) {
      this.#names.push({ name: node.slice(keyAt + 1, keyEnd), generation })
      return true
    }
    const rolledBack = keyEnd - keyAt === 7 ? readUint48Key(node, keyAt + 1) : 0
    return (rolledBack <= this.#newest && generation < rolledBack) || this.#bad("a rollback makes no sense", address)
  }

  #snapshot(node: Uint8Array, keyAt: number, keyEnd: number, end: number, address: number): boolean {
    const { pointerBytes } = this.#layout
    const namesAt = 1
    const nameAt = namesAt + 1 + pointerBytes + 16 + 8 + 6 + 6
    const bytes = node.slice(keyEnd, end)
    if (keyEnd - keyAt !== 7) return this.#bad("the key of a snapshot has the wrong length", address)
    const generation = readUint48Key(node, keyAt + 1)
    if (generation === 0 || generation > this.#newest) {
      return this.#bad("a snapshot is of a generation that is not", address)
    }
    if (bytes.length <= nameAt || bytes.length > nameAt + NAME_BYTES_MAX || bytes[0] !== 1) {
      return this.#bad("the item of a snapshot makes no sense", address)
    }
    if (bytes[namesAt] > LEVEL_MAX) return this.#bad("the tree of a snapshot is too high", address)
    this.found.push({
      generation,
      bytes,
      names: { at: namesAt + 1, level: bytes[namesAt] },
      name: bytes.slice(nameAt)
    })
    return true
  }

  /** An entry of a deadlist, whose pages are claimed; tells whether it makes sense. */
  entry(space: CheckSpace, node: Uint8Array, keyAt: number, keyEnd: number, end: number, address: number): boolean {
    const bad = (message: string): boolean => {
      this.#problems.add("Deadlist", message, { address })
      return false
    }
    if (keyEnd - keyAt !== 12 || end - keyEnd !== 12) return bad("an entry of a deadlist has the wrong length")
    const snapshot = readUint48Key(node, keyAt)
    const first = readUint48Key(node, keyAt + 6)
    const birth = readUint48(node, keyEnd)
    const pageCount = readUint48(node, keyEnd + 6)
    this.entryCount++
    this.#listed.add(snapshot)
    if (pageCount === 0 || birth === 0) return bad("an entry of a deadlist makes no sense")
    if (birth > snapshot) return bad("a page on a deadlist is younger than the snapshot that is to see it")
    return space.die({ address: first, pageCount, birth })
  }

  /** Both trees are read as far as they can be. */
  finish(): void {
    const generations = new Map(this.found.map(({ generation, name }) => [generation, name]))
    for (const generation of this.#listed) {
      if (!generations.has(generation)) {
        this.#problems.add("Deadlist", `there is a deadlist of generation ${generation}, and no such snapshot`)
      }
    }
    for (const { generation, name } of this.#names) {
      const named = generations.get(generation)
      if (named === undefined || compare(named, 0, named.length, name, 0, name.length) !== 0) {
        this.#problems.add("SnapshotItem", `a name stands for generation ${generation}, which has another or none`)
      }
    }
    if (this.#names.length !== this.found.length) {
      const counts = `${this.found.length} snapshots and ${this.#names.length} names`
      this.#problems.add("SnapshotItem", `the snapshot tree has ${counts}`)
    }
  }
}
