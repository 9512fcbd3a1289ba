/** Random operations on tables that a seed fixes, beside those on files. */
import * as Result from "effect/Result"
import type { RootsDraft } from "../../src/core/Inodes.ts"
import * as Tables from "../../src/core/Tables.ts"
import { Random } from "../../src/testing/Random.ts"

/** An operation on a draft. It draws nothing itself, so it can be attempted again. */
export type TableOperation = (draft: RootsDraft) => Result.Result<unknown>

const encoder = new TextEncoder()
const names = ["a", "b", "ünï¢ødé", "\0own"].map((name) => encoder.encode(name))

/** A source of operations. The same seed and page size give the same operations. */
export class TableOperations {
  readonly #random: Random
  readonly #pageBytes: number

  constructor(seed: number, pageBytes: number) {
    this.#random = new Random(seed)
    this.#pageBytes = pageBytes
  }

  /** The next operation. */
  next(): TableOperation {
    const random = this.#random
    const kind = random.below(100)
    const name = names[random.below(names.length)]
    const key = this.#key()
    const value = random.bytes(this.#bytes())
    const steps = 1 + random.below(40)
    const always = (use: (draft: RootsDraft) => unknown): TableOperation => {
      return (draft) => Result.succeed(use(draft))
    }
    if (kind < 60) return always((draft) => Tables.put(draft, name, key, value))
    if (kind < 65) {
      return always((draft) => {
        const isThere = Tables.get(draft, draft.roots.names, name, key) !== undefined
        if (isThere && value.length > 0) Tables.append(draft, name, key, value)
      })
    }
    if (kind < 95) return always((draft) => Tables.remove(draft, name, key))
    if (kind < 96) return always((draft) => Tables.create(draft, name))
    if (kind < 98) return always((draft) => Tables.clear(draft, name, steps))
    return always((draft) => Tables.drop(draft, name, steps))
  }

  #key(): Uint8Array {
    const random = this.#random
    if (random.chance(0.05)) return random.bytes(random.below(this.#pageBytes / 6))
    return Uint8Array.from({ length: random.below(3) }, () => random.below(12))
  }

  /** A number of bytes: mostly few, now and then some pages. */
  #bytes(): number {
    const random = this.#random
    if (random.chance(0.6)) return random.below(100)
    return random.below((random.chance(0.2) ? 12 : 2) * this.#pageBytes)
  }
}
