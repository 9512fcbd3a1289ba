/**
 * Hostile images: an image is changed where it means something, and then every checksum is made anew, from the leaves up to
 * the root record, so that whoever reads it has to judge what it says.
 */
import * as Binding from "../../src/core/Binding.ts"
import * as Bytes from "../../src/core/Bytes.ts"
import type { Checksum } from "../../src/core/Checksum.ts"
import * as Links from "../../src/core/Links.ts"
import * as Node from "../../src/core/Node.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as RootRecord from "../../src/core/RootRecord.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import * as Superblock from "../../src/core/Superblock.ts"
import * as TreeNode from "../../src/core/TreeNode.ts"
import { Random } from "../../src/testing/Random.ts"

const AT_GENERATION = 56
const AT_SECTION_BYTES = 184
const AT_SECTIONS = 192
const RECORD_AT = 32
const SUPERBLOCK_DIGEST_AT = 480

/** A page of the undamaged image, by the pointer that names it. */
interface Place {
  readonly address: number
  readonly kind: number
  readonly level: number
}

/** An undamaged image and where its pages are. */
export class Base {
  readonly image: Uint8Array
  readonly superblock: Superblock.Superblock
  readonly binding: Binding.Binding
  readonly places: Array<Place> = []
  readonly rootPage: number
  readonly record: RootRecord.RootRecord

  constructor(image: Uint8Array, checksums: ReadonlyArray<Checksum>) {
    this.image = image
    const superblock = Superblock.decode(image.subarray(0, 512), 0, checksums)
    if ("_tag" in superblock) throw new Error(superblock._tag)
    const checksum = checksums.find(({ algorithm }) => algorithm === superblock.algorithm)
    if (checksum === undefined) throw new Error("unknown checksum")
    this.superblock = superblock
    this.binding = Superblock.binding(superblock, checksum)
    const roots = Array.from({ length: superblock.slots.count }, (_, slot) =>
      RootRecord.decode(this.binding, superblock, slot, this.#page(RootSlots.pageOf(superblock.slots, slot)))
    ).flatMap((root) => ("_tag" in root ? [] : [root]))
    roots.sort((a, b) => b.record.generation - a.record.generation)
    this.rootPage = roots[0].page
    this.record = roots[0].record
    const { map, roots: trees } = this.record
    this.#collect(trees.names.link, 0, Node.TREE, trees.names.level, true)
    this.#collect(map.link, 0, Node.MAP, map.height, false)
  }

  get pageBytes(): number {
    return this.binding.layout.pageBytes
  }

  #page(address: number, pageCount = 1): Uint8Array {
    return this.image.subarray(address * this.pageBytes, (address + pageCount) * this.pageBytes)
  }

  #collect(bytes: Uint8Array, at: number, kind: number, level: number, names: boolean): void {
    const { layout } = this.binding
    if (Pointer.isNull(layout, bytes, at)) return
    const address = Pointer.address(layout, bytes, at)
    this.places.push({ address, kind, level })
    const page = this.#page(address, Pointer.pageCount(layout, bytes, at))
    Links.forEach(layout, page, kind, level, names, (...link) => this.#collect(...link, names))
  }
}

/** Numbers that break things. */
const odd = (random: Random, width: number, now: number): number => {
  const end = 256 ** width
  const numbers = [
    0,
    1,
    2,
    3,
    end - 1,
    end - 2,
    end / 2,
    end / 2 - 1,
    now + 1,
    now - 1,
    now ^ 1,
    255,
    256,
    496,
    511,
    512
  ]
  const chosen = random.chance(0.2) ? random.uint32() : numbers[random.below(numbers.length)]
  return ((chosen % end) + end) % end
}

const change = (random: Random, bytes: Uint8Array, at: number, width: number): void => {
  if (at < 0 || at + width > bytes.length) return
  Bytes.writeUint(bytes, at, width, odd(random, width, Bytes.readUint(bytes, at, width)))
}

/** One mutation: changes the image and says where. */
type Mutation = (base: Base, image: Uint8Array, random: Random) => string

const placeOf = (base: Base, random: Random, kinds: ReadonlyArray<number>): Place => {
  const fitting = base.places.filter(({ kind }) => kinds.includes(kind))
  const places = fitting.length > 0 ? fitting : base.places
  return places[random.below(places.length)]
}

const pageOf = (base: Base, image: Uint8Array, address: number): Uint8Array =>
  image.subarray(address * base.pageBytes, (address + 1) * base.pageBytes)

const header: Mutation = (base, image, random) => {
  const { address } = placeOf(base, random, [Node.TREE, Node.ROPE, Node.MAP])
  const [at, width] = (
    [
      [0, 1],
      [1, 1],
      [2, 2],
      [4, 4],
      [8, 4],
      [12, 4]
    ] as const
  )[random.below(6)]
  change(random, pageOf(base, image, address), at, width)
  return `header byte ${at} of page ${address}`
}

/** A cell of a tree node as it stands in the undamaged page. */
const cellOf = (page: Uint8Array, random: Random): number | undefined =>
  Node.count(page) === 0 || Node.count(page) > page.length / 8
    ? undefined
    : TreeNode.cellAt(page, random.below(Node.count(page)))

const slotOrCell: Mutation = (base, image, random) => {
  const { address, level } = placeOf(base, random, [Node.TREE])
  const page = pageOf(base, image, address)
  const cell = cellOf(page, random)
  if (random.chance(0.3) || cell === undefined || cell + 8 > page.length) {
    change(random, page, 16 + 2 * random.below(12), 2)
    return `a slot of page ${address}`
  }
  if (random.chance(0.3)) {
    change(random, page, cell + (level === 0 ? 2 * random.below(2) : 0), 2)
    return `a cell's lengths in page ${address}`
  }
  change(random, page, cell + (level === 0 ? 4 : 2) + random.below(12), 1)
  return `a key or pointer in page ${address}`
}

/** Fields of an item's value: of inodes and of entries. */
const value: Mutation = (base, image, random) => {
  const { address } = placeOf(base, random, [Node.TREE])
  const page = pageOf(base, image, address)
  const cell = cellOf(page, random)
  if (cell === undefined || cell + 8 > page.length) return "nothing"
  const at = TreeNode.leafKeyAt(cell) + TreeNode.keyBytes(page, cell)
  const fields = [
    [0, 6],
    [6, 1],
    [0, 1],
    [1, 1],
    [2, 2],
    [4, 4],
    [48, 6],
    [48, 2],
    [54, 1],
    [55, 1],
    [56, 2],
    [40, 8]
  ] as const
  const [offset, width] = fields[random.below(fields.length)]
  if (width === 8) page.fill(random.below(256), at + offset, at + offset + 8)
  else change(random, page, at + offset, width)
  return `byte ${offset} of a value in page ${address}`
}

/** A pointer anywhere: another page, a later birth, more pages, flags. */
const pointer: Mutation = (base, image, random) => {
  const { layout } = base.binding
  const { address, kind, level } = placeOf(base, random, [Node.TREE, Node.ROPE, Node.MAP])
  const page = pageOf(base, image, address)
  const links: Array<number> = []
  if (Node.fault(layout, page, kind, level, base.record.generation) !== undefined) return "nothing"
  Links.forEach(layout, page, kind, level, true, (_bytes, at) => links.push(at))
  if (links.length === 0) return "nothing"
  const at = links[random.below(links.length)]
  const other = base.places[random.below(base.places.length)].address
  const way = random.below(6)
  if (way === 0) Bytes.writeUint(page, at, layout.addressBytes, other)
  else if (way === 1) change(random, page, at, layout.addressBytes)
  else if (way === 2) change(random, page, at + layout.addressBytes, 1)
  else if (way === 3) change(random, page, at + layout.addressBytes + 1, 1)
  else if (way === 4) change(random, page, at + layout.addressBytes + 2, 6)
  else page.copyWithin(at, links[random.below(links.length)], links[0] + layout.pointerBytes)
  return `pointer ${at} (${way}) of page ${address}`
}

const ropeEntry: Mutation = (base, image, random) => {
  const { address } = placeOf(base, random, [Node.ROPE])
  const at = 16 + random.below(8) * base.binding.layout.ropeEntryBytes
  change(random, pageOf(base, image, address), at + (random.chance(0.7) ? 0 : 6), random.chance(0.5) ? 6 : 2)
  return `rope entry ${at} of page ${address}`
}

const anyByte: Mutation = (base, image, random) => {
  const { address } = placeOf(base, random, [Node.TREE, Node.ROPE, Node.MAP, Node.DATA])
  const at = random.below(base.pageBytes)
  pageOf(base, image, address)[at] = random.below(256)
  return `byte ${at} of page ${address}`
}

const wholePage: Mutation = (base, image, random) => {
  const to = placeOf(base, random, [Node.TREE, Node.ROPE, Node.MAP]).address
  const from = base.places[random.below(base.places.length)].address
  pageOf(base, image, to).set(pageOf(base, image, from))
  return `page ${to} is page ${from}`
}

const root: Mutation = (base, image, random) => {
  const page = pageOf(base, image, base.rootPage)
  const fields = [
    [36, 2],
    [38, 1],
    [39, 1],
    [56, 6],
    [64, 6],
    [136, 6],
    [144, 6],
    [152, 6],
    [160, 6],
    [168, 6],
    [184, 4]
  ] as const
  if (random.chance(0.5)) {
    const [at, width] = fields[random.below(fields.length)]
    change(random, page, at, width)
    return `byte ${at} of the root`
  }
  const end = AT_SECTIONS + Bytes.readUint32(base.image, base.rootPage * base.pageBytes + AT_SECTION_BYTES)
  const at = AT_SECTIONS + random.below(end - AT_SECTIONS)
  change(random, page, at, 1 + random.below(2))
  return `byte ${at} in the root's sections`
}

const superblock: Mutation = (base, image, random) => {
  const fields = [
    [8, 4],
    [12, 4],
    [16, 1],
    [32, 1],
    [33, 1],
    [34, 1],
    [35, 1],
    [36, 2],
    [40, 6],
    [48, 6],
    [56, 6],
    [64, 1]
  ] as const
  const [at, width] = fields[random.below(fields.length)]
  const pages = random.chance(0.5) ? [0] : [0, base.superblock.slots.secondCopy]
  const fork = new Random(random.uint32())
  for (const page of pages) {
    const bytes = pageOf(base, image, page)
    change(fork.fork(), bytes, at, width)
    const place = { address: page, birth: 0, pageCount: 1, kind: Superblock.KIND, level: 0 }
    const { checksum, layout } = base.binding
    const binding = Binding.make(layout, checksum, bytes.slice(16, 32))
    Binding.digest(binding, place, bytes.subarray(0, SUPERBLOCK_DIGEST_AT), bytes, SUPERBLOCK_DIGEST_AT)
  }
  return `byte ${at} of superblock ${pages.join(" and ")}`
}

const mutations: ReadonlyArray<readonly [number, Mutation]> = [
  [2, header],
  [3, slotOrCell],
  [5, value],
  [5, pointer],
  [3, ropeEntry],
  [2, anyByte],
  [1, wholePage],
  [3, root],
  [1, superblock]
]
const tickets = mutations.flatMap(([count, mutation]) => Array.from({ length: count }, () => mutation))

export interface Mutant {
  readonly image: Uint8Array
  /** What was done to it, in words. */
  readonly what: string
  /** What was done, by number: 0 is that the other roots are gone, the mutations are counted from 1. */
  readonly numbers: ReadonlyArray<number>
}

/** The image of a seed, with all checksums right. Some of what the seed says may be left out. */
export const mutate = (base: Base, seed: number, without: ReadonlySet<number> = new Set()): Mutant => {
  const random = new Random(seed)
  const image = base.image.slice()
  const done = new Map<number, string>()
  // Without the other roots there is nothing to fall back to.
  if (random.chance(0.5) && !without.has(0)) {
    for (let slot = 0; slot < base.superblock.slots.count; slot += 1) {
      const page = RootSlots.pageOf(base.superblock.slots, slot)
      if (page !== base.rootPage) pageOf(base, image, page).fill(0)
    }
    done.set(0, "no other roots")
  }
  const count = 1 + random.below(3)
  for (let number = 1; number <= count; number += 1) {
    const isLeftOut = without.has(number)
    // What is left out is done to a copy, so that the others draw what they would have drawn.
    const what = tickets[random.below(tickets.length)](base, isLeftOut ? image.slice() : image, random)
    if (!isLeftOut) done.set(number, what)
  }
  seal(base, image)
  return { image, what: [...done.values()].join("; "), numbers: [...done.keys()] }
}

/** Makes all checksums anew, along the pointers as they are now. */
const seal = (base: Base, image: Uint8Array): void => {
  const { binding } = base
  const { layout } = binding
  const { pageBytes } = layout
  const seen = new Set<number>()
  const sealLink = (holder: Uint8Array, at: number, kind: number, level: number, names: boolean): void => {
    const address = Pointer.address(layout, holder, at)
    const pageCount = Pointer.pageCount(layout, holder, at)
    if (pageCount === 0 || (address + pageCount) * pageBytes > image.length) return
    const page = image.subarray(address * pageBytes, (address + pageCount) * pageBytes)
    const birth = Pointer.birth(layout, holder, at)
    if (!seen.has(address) && Node.fault(layout, page, kind, level, birth) === undefined) {
      seen.add(address)
      Links.forEach(layout, page, kind, level, names, (...link) => sealLink(...link, names))
    }
    const place = { address, pageCount, birth, kind, level }
    Binding.digest(binding, place, page, holder, Pointer.checksumAt(layout, at))
  }
  const rootPage = pageOf(base, image, base.rootPage)
  const end = Math.min(pageBytes, AT_SECTIONS + Bytes.readUint32(rootPage, AT_SECTION_BYTES))
  for (let at = AT_SECTIONS; at + 4 <= end;) {
    const tag = Bytes.readUint16(rootPage, at)
    const length = Bytes.readUint16(rootPage, at + 2)
    if (tag >= 0x8001 && tag <= 0x8005 && length === 1 + layout.pointerBytes && at + 4 + length <= end) {
      sealLink(rootPage, at + 5, tag === 0x8005 ? Node.MAP : Node.TREE, rootPage[at + 4], tag === 0x8001)
    }
    at += 4 + length
  }
  const generation = Bytes.readUint48(rootPage, AT_GENERATION)
  const place = { address: base.rootPage, birth: generation, pageCount: 1, kind: RootRecord.KIND, level: 0 }
  rootPage.fill(0, 0, RECORD_AT)
  Binding.digest(binding, place, rootPage.subarray(RECORD_AT), rootPage, 0)
}
