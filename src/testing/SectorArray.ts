/**
 * The bytes of a disk as a persistent array of sectors: forking it costs the same whatever it holds, and forks share all
 * that they do not change.
 *
 * - A {@link Sector} never changes once it is made.
 * - A node is changed in place only by the array that owns it; forking takes ownership away from both.
 * - Equal contents have equal fingerprints, however they came about; a sector that was never set is one of zeros.
 */

export const SECTOR_BYTES = 512

/** The bytes of one sector. Whoever makes one gives the bytes away. */
export class Sector {
  readonly bytes: Uint8Array
  #low: number | undefined
  #high = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** 32 bits of a hash of the content; 0 for zeros. */
  get low(): number {
    if (this.#low === undefined) this.#hash()
    return this.#low as number
  }

  /** 32 other bits. */
  get high(): number {
    if (this.#low === undefined) this.#hash()
    return this.#high
  }

  equals(that: Sector): boolean {
    if (this === that) return true
    const { bytes } = this
    for (let i = 0; i < SECTOR_BYTES; i++) if (bytes[i] !== that.bytes[i]) return false
    return true
  }

  #hash(): void {
    const { bytes } = this
    let low = 0
    let high = 0
    for (let i = 0; i < SECTOR_BYTES; i++) {
      // A byte of zero leaves a hash of zero as it is.
      low = Math.imul(low ^ bytes[i], 0x01000193)
      high = Math.imul(high + bytes[i], 0x85ebca6b) ^ (high >>> 13)
    }
    this.#low = low >>> 0
    this.#high = high >>> 0
  }
}

const zeroSector = new Sector(new Uint8Array(SECTOR_BYTES))

const fanoutBits = 6
const fanout = 1 << fanoutBits

type Child = Node | Sector | undefined

class Node {
  readonly owner: object
  readonly children: Array<Child>
  #low: number | undefined
  #high = 0

  constructor(owner: object, children: Array<Child>) {
    this.owner = owner
    this.children = children
  }

  get low(): number {
    if (this.#low === undefined) this.#hash()
    return this.#low as number
  }

  get high(): number {
    if (this.#low === undefined) this.#hash()
    return this.#high
  }

  changed(): void {
    this.#low = undefined
  }

  #hash(): void {
    let low = 0
    let high = 0
    for (let i = 0; i < fanout; i++) {
      const child = this.children[i]
      if (child === undefined || (child.low === 0 && child.high === 0)) continue
      low = (low + scramble(child.low + Math.imul(i + 1, 0x9e3779b9))) | 0
      high = (high + scramble(child.high ^ Math.imul(i + 1, 0x85ebca6b))) | 0
    }
    this.#low = low >>> 0
    this.#high = high >>> 0
  }
}

const scramble = (value: number): number => {
  let mixed = Math.imul(value ^ (value >>> 16), 0x21f0aaad)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
  return mixed ^ (mixed >>> 15)
}

export class SectorArray {
  #owner: object = {}
  #root: Node
  /** Levels of nodes: the root's children are sectors if it is 1. */
  #levels: number
  #length: number

  constructor(length: number) {
    this.#length = length
    this.#levels = 1
    while (fanout ** this.#levels < length) this.#levels++
    this.#root = new Node(this.#owner, [])
  }

  /** How many sectors there are. */
  get length(): number {
    return this.#length
  }

  get(index: number): Sector {
    let node = this.#root
    for (let level = this.#levels - 1; level > 0; level--) {
      const child = node.children[digit(index, level)]
      if (child === undefined) return zeroSector
      node = child as Node
    }
    return (node.children[digit(index, 0)] as Sector | undefined) ?? zeroSector
  }

  set(index: number, sector: Sector): void {
    let node = (this.#root = this.#own(this.#root))
    for (let level = this.#levels - 1; level > 0; level--) {
      const at = digit(index, level)
      node = node.children[at] = this.#own(node.children[at] as Node | undefined)
    }
    node.children[digit(index, 0)] = sector
  }

  /** An array of the same content, which goes its own way from now on. */
  fork(): SectorArray {
    this.#owner = {}
    const copy = new SectorArray(0)
    copy.#root = this.#root
    copy.#levels = this.#levels
    copy.#length = this.#length
    return copy
  }

  /** Makes it longer; what is added is zeros. */
  grow(length: number): void {
    while (fanout ** this.#levels < length) {
      this.#root = new Node(this.#owner, [this.#root])
      this.#levels++
    }
    this.#length = Math.max(this.#length, length)
  }

  /** A number of 52 bits that stands for the content. */
  fingerprint(): number {
    return this.#root.low * 0x100000 + (this.#root.high >>> 12)
  }

  /** A node like this one that may be changed. */
  #own(node: Node | undefined): Node {
    if (node === undefined) return new Node(this.#owner, [])
    if (node.owner !== this.#owner) return new Node(this.#owner, node.children.slice())
    node.changed()
    return node
  }
}

const digit = (index: number, level: number): number => Math.floor(index / fanout ** level) % fanout
