/**
 * A set of fingerprints (integers of up to 52 bits, as `SimulatedDisk.fingerprint` gives them) that holds tens of millions.
 */
const FREE = -1

export class FingerprintSet {
  #slots: Float64Array
  #count = 0

  constructor(capacity = 1 << 16) {
    this.#slots = new Float64Array(capacity).fill(FREE)
  }

  get count(): number {
    return this.#count
  }

  add(fingerprint: number): void {
    if (2 * this.#count >= this.#slots.length) this.#grow()
    const slots = this.#slots
    const mask = slots.length - 1
    let at = (Math.imul(fingerprint >>> 0, 0x9e3779b1) ^ (fingerprint / 0x100000000)) & mask
    while (slots[at] !== FREE) {
      if (slots[at] === fingerprint) return
      at = (at + 1) & mask
    }
    slots[at] = fingerprint
    this.#count++
  }

  #grow(): void {
    const before = this.#slots
    this.#slots = new Float64Array(2 * before.length).fill(FREE)
    this.#count = 0
    for (const fingerprint of before) if (fingerprint !== FREE) this.add(fingerprint)
  }
}
