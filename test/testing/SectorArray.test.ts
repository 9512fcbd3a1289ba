import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { Sector, SECTOR_BYTES, SectorArray } from "../../src/testing/SectorArray.ts"

const sector = (content: number): Sector => new Sector(new Uint8Array(SECTOR_BYTES).fill(content))

type Step =
  | { readonly kind: "set"; readonly array: number; readonly index: number; readonly content: number }
  | { readonly kind: "fork"; readonly array: number }

const steps = (length: number): fc.Arbitrary<ReadonlyArray<Step>> =>
  fc.array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant("set" as const),
          array: fc.nat(20),
          index: fc.nat(length - 1),
          content: fc.nat(3)
        })
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("fork" as const), array: fc.nat(20) }) }
    ),
    { maxLength: 60 }
  )

describe("SectorArray", () => {
  for (const length of [1, 64, 65, 5000, 300_000]) {
    it(`forks of ${length} sectors go their own ways`, () => {
      fc.assert(
        fc.property(steps(length), (found) => {
          const arrays = [new SectorArray(length)]
          const models = [new Map<number, number>()]
          for (const step of found) {
            const at = step.array % arrays.length
            if (step.kind === "fork") {
              arrays.push(arrays[at].fork())
              models.push(new Map(models[at]))
            } else {
              arrays[at].set(step.index, sector(step.content))
              models[at].set(step.index, step.content)
            }
          }
          for (const [i, model] of models.entries()) {
            for (const step of found) {
              if (step.kind === "set") {
                assert.strictEqual(arrays[i].get(step.index).bytes[100], model.get(step.index) ?? 0)
              }
            }
            // Equal contents, and only those, have equal fingerprints.
            const written = [...model].filter(([, content]) => content !== 0).sort((a, b) => a[0] - b[0])
            for (const [j, other] of models.entries()) {
              const same =
                JSON.stringify(written) ===
                JSON.stringify([...other].filter(([, content]) => content !== 0).sort((a, b) => a[0] - b[0]))
              assert.strictEqual(arrays[i].fingerprint() === arrays[j].fingerprint(), same)
            }
          }
        }),
        { numRuns: 60 }
      )
    })
  }

  it("gives different fingerprints to different contents", () => {
    const seen = new Set<number>()
    let count = 0
    for (let index = 0; index < 70; index++) {
      for (let at = 0; at < SECTOR_BYTES; at += 7) {
        for (const byte of [1, 2, 128, 255]) {
          const array = new SectorArray(70)
          const bytes = new Uint8Array(SECTOR_BYTES)
          bytes[at] = byte
          array.set(index, new Sector(bytes))
          seen.add(array.fingerprint())
          count++
        }
      }
    }
    assert.strictEqual(seen.size, count)
  })

  it("grows, and what is added is zeros", () => {
    const array = new SectorArray(10)
    array.set(9, sector(3))
    const before = array.fork()
    array.grow(100_000)
    array.set(99_999, sector(4))
    assert.deepStrictEqual(
      [array.length, array.get(9).bytes[0], array.get(10).bytes[0], array.get(99_999).bytes[0]],
      [100_000, 3, 0, 4]
    )
    assert.deepStrictEqual([before.length, before.get(9).bytes[0]], [10, 3])
  })
})
