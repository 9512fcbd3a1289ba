/**
 * Random numbers that a seed fixes (splitmix32). The same seed gives the same numbers on every machine, for ever.
 */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** Numbers for one place, whatever has been drawn elsewhere. */
  static at(seed: number, place: number): Random {
    return new Random(mix(seed) ^ mix(place + 0x51ed270b))
  }

  /** An integer from 0 to 2^32 - 1. */
  uint32(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    return mix(this.#state)
  }

  /** An integer from 0 to `end` - 1; `end` is at most 2^32. */
  below(end: number): number {
    return Math.floor((this.uint32() / 0x100000000) * end)
  }

  chance(probability: number): boolean {
    return this.uint32() < probability * 0x100000000
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count)
    for (let i = 0; i < count; i += 4) {
      const word = this.uint32()
      for (let j = 0; j < 4 && i + j < count; j++) bytes[i + j] = word >>> (8 * j)
    }
    return bytes
  }

  /** One that goes on from here by itself. */
  fork(): Random {
    return new Random(this.#state)
  }
}

const mix = (value: number): number => {
  let mixed = value | 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
  return (mixed ^ (mixed >>> 15)) >>> 0
}
