/**
 * Records of send streams for tests: any, those of a volume, and those with something wrong.
 */
import * as fc from "fast-check"
import * as Inode from "../../src/core/Inode.ts"
import type { Record } from "../../src/core/Transfer.ts"
import type { Random } from "../../src/testing/Random.ts"

const UINT48_MAX = 2 ** 48 - 1
const uint48 = fc.oneof(fc.nat(100), fc.nat(100_000), fc.constantFrom(2 ** 32, 2 ** 47, UINT48_MAX))
const bytes = (maxLength: number) => fc.uint8Array({ maxLength })
const id = fc.uint8Array({ minLength: 16, maxLength: 16 })

/** Any record that can be written. */
export const any: fc.Arbitrary<Record> = fc.oneof(
  fc.record({
    _tag: fc.constant("Header" as const),
    volumeId: id,
    id,
    name: bytes(300),
    time: fc.bigInt({ min: BigInt(0), max: BigInt(2) ** BigInt(64) - BigInt(1) }),
    nextInode: uint48,
    inodeCount: uint48,
    base: fc.option(fc.record({ id, name: bytes(300) }), { nil: undefined })
  }),
  fc.record({ _tag: fc.constant("Remove" as const), key: bytes(300) }),
  fc.record({ _tag: fc.constant("Put" as const), key: bytes(300), value: bytes(3000) }),
  fc.record({
    _tag: fc.constant("Content" as const),
    key: bytes(300),
    head: bytes(60),
    size: uint48,
    isPatch: fc.boolean()
  }),
  fc.record({ _tag: fc.constant("Write" as const), offset: uint48, bytes: bytes(3000) }),
  fc.record({ _tag: fc.constant("Hole" as const), offset: uint48, count: uint48 }),
  fc.record({ _tag: fc.constant("End" as const), recordCount: uint48 })
)

// ---- with something wrong

const someUint48 = (random: Random, near: number): number => {
  const at = random.below(7)
  if (at === 0) return UINT48_MAX
  if (at === 1) return 2 ** 40 + random.below(100)
  if (at === 2) return 0
  return at === 3 ? random.below(100_000) : Math.max(0, near + random.below(5) - 2)
}

const someBytes = (random: Random, before: Uint8Array): Uint8Array => {
  const at = random.below(6)
  if (at === 0) return random.bytes(random.below(40))
  if (at === 1) return before.slice(0, random.below(before.length + 1))
  if (at === 2) return Uint8Array.of(...before, ...random.bytes(1 + random.below(600)))
  const changed = before.slice()
  for (let i = 1 + random.below(3); i > 0 && changed.length > 0; i--) {
    const place = random.below(Math.min(changed.length, random.chance(0.5) ? 16 : changed.length))
    changed[place] = random.chance(0.5) ? random.below(8) : random.below(256)
  }
  return changed
}

/** A key of any kind, mostly of what may be there. */
const someKey = (random: Random): Uint8Array =>
  Inode.keyOf(random.below(12), random.below(8), random.bytes(random.below(3) === 0 ? random.below(200) : 0))

const ofKey = (random: Random, key: Uint8Array): Uint8Array =>
  random.chance(0.3) ? someKey(random) : someBytes(random, key)

/** Another record in the place of one. */
export const changed = (random: Random, record: Record): Record => {
  switch (record._tag) {
    case "Header":
    case "End":
      return { _tag: "End", recordCount: random.below(40) }
    case "Remove":
      return { ...record, key: ofKey(random, record.key) }
    case "Put":
      if (random.chance(0.1)) return { _tag: "Content", key: record.key, head: record.value, size: 9, isPatch: false }
      if (random.chance(0.2)) return { _tag: "Remove", key: record.key }
      return random.chance(0.5)
        ? { ...record, key: ofKey(random, record.key) }
        : { ...record, value: someBytes(random, record.value) }
    case "Content": {
      const at = random.below(6)
      if (at === 0) return { ...record, key: ofKey(random, record.key) }
      if (at === 1) return { ...record, head: someBytes(random, record.head) }
      if (at === 2) return { ...record, isPatch: !record.isPatch }
      if (at === 3) return { _tag: "Put", key: record.key, value: record.head }
      if (at === 4) return { _tag: "Remove", key: record.key }
      return { ...record, size: someUint48(random, record.size), isPatch: random.chance(0.5) }
    }
    case "Write":
    case "Hole": {
      const count = record._tag === "Write" ? record.bytes.length : record.count
      const offset = random.chance(0.5) ? record.offset : someUint48(random, record.offset)
      if (random.chance(0.4)) return { _tag: "Hole", offset, count: someUint48(random, count) }
      return { _tag: "Write", offset, bytes: random.bytes(random.chance(0.2) ? 0 : random.below(4000)) }
    }
  }
}

/** The same records, of which a few are changed, left out, told twice or exchanged; the header is not among them. */
export const spoiled = (random: Random, records: ReadonlyArray<Record>): ReadonlyArray<Record> => {
  const all = [...records]
  for (let i = 1 + random.below(4); i > 0 && all.length > 0; i--) {
    const [place, other] = [random.below(all.length), random.below(all.length)]
    const at = random.below(7)
    if (at === 0) all.splice(place, 1)
    else if (at === 1) all.splice(other, 0, all[place])
    else if (at === 2) [all[place], all[other]] = [all[other], all[place]]
    else if (at === 3) all.splice(place, 0, changed(random, all[other]))
    else all[place] = changed(random, all[place])
  }
  if (random.chance(0.3)) return all
  // As many as its end says.
  const rest = all.filter(({ _tag }) => _tag !== "End")
  return [...rest, { _tag: "End", recordCount: rest.length + 1 }]
}
