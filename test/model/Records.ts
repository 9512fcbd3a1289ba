/**
 * What stands on the model's disk: leaves, free-map pages and roots; each is a value with a number, its ContentId.
 *
 * - Two objects stand for all trees: each has one page. A root points straight at them.
 * - A checksum is the ContentId of what a pointer expects, so that verifying is comparing two numbers.
 * - `version` and `values` are the ghost's: the protocol never looks at them, only the judge does.
 * - A set of pages is a bit mask.
 */
import type { ContentId } from "./Disk.ts"

export type PageSet = number

export interface Pointer {
  readonly address: number
  readonly birth: number
  readonly checksum: ContentId
}

/** Birth and address stand in a page only under a bound checksum: then the same bytes elsewhere are another content. */
export interface Leaf {
  readonly kind: "leaf"
  readonly value: number
  readonly birth?: number
  readonly address?: number
}

interface MapPage {
  readonly kind: "map"
  readonly free: PageSet
  readonly birth: number
  readonly address: number
}

export interface Snapshot {
  readonly generation: number
  readonly objects: ReadonlyArray<Pointer>
  /** The deadlist: pages that died since, and that no newer snapshot sees. */
  readonly dead: ReadonlyArray<Pointer>
  readonly values: ReadonlyArray<number>
}

export interface Root {
  readonly kind: "root"
  readonly generation: number
  readonly base: number
  readonly slot: number
  readonly boot: number
  readonly barriers: 1 | 2
  readonly clean: boolean
  readonly objects: ReadonlyArray<Pointer>
  readonly map: Pointer | null
  /** The deltas since the last fold: the pages whose bit differs from the map page. */
  readonly toggled: PageSet
  readonly snapshots: ReadonlyArray<Snapshot>
  readonly version: number
  readonly values: ReadonlyArray<number>
}

export type Content = Leaf | MapPage | Root

export const setOf = (address: number): PageSet => 1 << address
export const allPages = (pageCount: number): PageSet => (1 << pageCount) - 1
const addressesOf = (pointers: ReadonlyArray<Pointer>): PageSet =>
  pointers.reduce((pages, pointer) => pages | setOf(pointer.address), 0)

/** Numbers for contents: equal contents have equal numbers. */
export class Contents {
  readonly #ids = new Map<string, ContentId>()
  readonly #values: Array<Content | null> = [null]
  readonly #references: Array<ReadonlyArray<ContentId>> = [[]]

  intern(content: Content): ContentId {
    const key = JSON.stringify(content)
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const id = this.#values.length
    if (id > 0xffff) throw new Error("The model has more contents than a 16-bit number can tell apart.")
    this.#ids.set(key, id)
    this.#values.push(content)
    this.#references.push(content.kind === "root" ? pointersOf(content).map((pointer) => pointer.checksum) : [])
    return id
  }

  get(id: ContentId): Content | null {
    return this.#values[id]!
  }

  root(id: ContentId): Root | null {
    const content = this.#values[id]!
    return content?.kind === "root" ? content : null
  }

  /** The root of an id that is known to be one. */
  knownRoot(id: ContentId): Root {
    return this.root(id)!
  }

  /** The contents that a root's pointers expect; nothing for a page. */
  referencesOf(id: ContentId): ReadonlyArray<ContentId> {
    return this.#references[id]!
  }

  /** The free map of a root: its map page, turned over by the deltas. Without a map page, everything was free. */
  freeOf(root: Root, pageCount: number): PageSet {
    return this.#mapOf(root, pageCount) ^ root.toggled
  }

  #mapOf(root: Root, pageCount: number): PageSet {
    if (root.map === null) return allPages(pageCount)
    const page = this.get(root.map.checksum)
    return page?.kind === "map" ? page.free : 0
  }
}

/** Every pointer that reading this root, its bookkeeping or its snapshots may follow. */
export const pointersOf = (root: Root): ReadonlyArray<Pointer> => [
  ...root.objects,
  ...bookkeepingOf(root),
  ...root.snapshots.flatMap((snapshot) => snapshot.objects)
]

export const bookkeepingOf = (root: Root): ReadonlyArray<Pointer> => (root.map === null ? [] : [root.map])

/** I8: reachable from the root and its bookkeeping, all deadlists, and free are all pages, disjoint and exact. */
export const isPartition = (root: Root, free: PageSet, pageCount: number): boolean => {
  const held = [...root.objects, ...bookkeepingOf(root), ...root.snapshots.flatMap((snapshot) => snapshot.dead)]
  const pages = addressesOf(held)
  const isDisjoint = bitCount(pages) === held.length
  return isDisjoint && free === (allPages(pageCount) & ~pages)
}

/** The difference between a snapshot and the root skips what was not born since, so it must be the same there. */
export const isDifferenceExact = (root: Root): boolean =>
  root.snapshots.every((snapshot) =>
    root.objects.every(
      (pointer, index) => pointer.birth > snapshot.generation || pointer.checksum === snapshot.objects[index]!.checksum
    )
  )

export const isBirthMonotone = (root: Root): boolean =>
  pointersOf(root).every((pointer) => pointer.birth <= root.generation)

/** What the disk shows of one value: the page must be what the pointer expects, and be what was once put there. */
export const shows = (
  contents: Contents,
  read: (address: number) => ContentId,
  objects: ReadonlyArray<Pointer>,
  values: ReadonlyArray<number>
): boolean =>
  objects.every((pointer, index) => {
    const content = contents.get(pointer.checksum)
    return read(pointer.address) === pointer.checksum && content?.kind === "leaf" && content.value === values[index]
  })

const bitCount = (pages: PageSet): number => {
  let count = 0
  for (let rest = pages; rest !== 0; rest &= rest - 1) count++
  return count
}
