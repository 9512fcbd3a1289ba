/**
 * Which snapshots of the clock are kept.
 */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Retention from "../../src/core/Retention.ts"
import { parameters } from "./propertyRuns.ts"

const PREFIX = "auto-"
const NANOS_PER_MILLI = BigInt(1_000_000)
const HOUR_MILLIS = 3_600_000

const at = (text: string): bigint => BigInt(Date.parse(text)) * NANOS_PER_MILLI

const own = (time: bigint): Retention.Taken => ({ name: Retention.nameOf(PREFIX, time), time })

const taken = (...times: ReadonlyArray<string>): ReadonlyArray<Retention.Taken> => times.map((text) => own(at(text)))

/** The days and hours of those that are kept. */
const kept = (policy: Retention.Policy, snapshots: ReadonlyArray<Retention.Taken>): ReadonlyArray<string> => {
  const removed = new Set(Retention.superfluous(policy, PREFIX, snapshots))
  return snapshots.filter(({ name }) => !removed.has(name)).map(({ name }) => name.slice(PREFIX.length, -8))
}

const RULES = ["last", "hourly", "daily", "weekly", "monthly"] as const

const policies: fc.Arbitrary<Retention.Policy> = fc.record(
  { last: fc.nat(5), hourly: fc.nat(5), daily: fc.nat(5), weekly: fc.nat(5), monthly: fc.nat(5) },
  { requiredKeys: [] }
)

/** Snapshots in the order in which they were taken; now and then the clock was set back. */
const histories = fc
  .array(
    fc.record({
      hours: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: -100, max: 1500 })),
      name: fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, fc.constantFrom("monday", "auto-", "autumn"))
    }),
    { maxLength: 60 }
  )
  .map((steps) => {
    let hour = Date.parse("2026-01-15T12:00Z") / HOUR_MILLIS
    return steps.map(({ hours, name }, i): Retention.Taken => {
      hour += hours
      const time = BigInt(hour * HOUR_MILLIS + i) * NANOS_PER_MILLI
      return name === undefined ? own(time) : { name: `${name}${i}`, time }
    })
  })

const ownOf = (snapshots: ReadonlyArray<Retention.Taken>) =>
  snapshots.filter(({ name }) => Retention.isOwn(PREFIX, name))

const without = (snapshots: ReadonlyArray<Retention.Taken>, names: ReadonlyArray<string>) =>
  snapshots.filter(({ name }) => !names.includes(name))

describe("the name of a snapshot", () => {
  it("has the time as ISO 8601 has it", () => {
    const times = fc.date({ min: new Date("1969-01-01"), max: new Date("2262-01-01"), noInvalidDate: true })
    fc.assert(
      fc.property(times, fc.nat(999_999), (date, nanos) => {
        const time = BigInt(date.getTime()) * NANOS_PER_MILLI + BigInt(nanos)
        assert.strictEqual(Retention.nameOf("a", time), `a${date.toISOString()}`)
        assert.strictEqual(date.toISOString().length, Retention.STAMP_BYTES)
        assert.isTrue(Retention.isOwn("a", Retention.nameOf("a", time)))
      }),
      parameters(2000)
    )
  })

  it("is the clock's own only with this prefix and nothing else", () => {
    const stamp = "2026-11-22T10:15:30.123Z"
    assert.isTrue(Retention.isOwn("", stamp))
    for (const name of [
      "",
      "auto-",
      stamp,
      `b${stamp}`,
      `auto-${stamp}-1`,
      `auto-x${stamp}`,
      `auto-${stamp.slice(1)}`
    ]) {
      assert.isFalse(Retention.isOwn(PREFIX, name), name)
    }
  })
})

describe("of the snapshots", () => {
  it("the last ones are kept", () => {
    const all = taken("2026-11-22T10:00Z", "2026-11-22T11:00Z", "2026-11-22T12:00Z")
    assert.deepStrictEqual(kept({ last: 2 }, all), ["2026-11-22T11:00", "2026-11-22T12:00"])
    assert.deepStrictEqual(kept({}, all), ["2026-11-22T12:00"])
  })

  it("the newest of each of the last hours is kept, in which there is one", () => {
    const all = taken(
      "2026-11-22T07:30Z",
      "2026-11-22T10:59Z",
      "2026-11-22T11:00Z",
      "2026-11-22T11:59Z",
      "2026-11-22T12:00Z"
    )
    assert.deepStrictEqual(kept({ hourly: 2 }, all), ["2026-11-22T11:59", "2026-11-22T12:00"])
    assert.deepStrictEqual(kept({ hourly: 4 }, all), [
      "2026-11-22T07:30",
      "2026-11-22T10:59",
      "2026-11-22T11:59",
      "2026-11-22T12:00"
    ])
  })

  it("a day ends at midnight, UTC", () => {
    const all = taken("2026-11-20T08:00Z", "2026-11-21T23:59Z", "2026-11-22T00:00Z", "2026-11-22T09:00Z")
    assert.deepStrictEqual(kept({ daily: 2 }, all), ["2026-11-21T23:59", "2026-11-22T09:00"])
  })

  it("a week begins on Monday", () => {
    // The 22nd of November 2026 is a Sunday.
    const all = taken("2026-11-16T08:00Z", "2026-11-22T23:59Z", "2026-11-23T00:00Z", "2026-11-29T00:00Z")
    assert.deepStrictEqual(kept({ weekly: 2 }, all), ["2026-11-22T23:59", "2026-11-29T00:00"])
  })

  it("a month is as long as it is", () => {
    const all = taken("2028-01-31T23:59Z", "2028-02-01T00:00Z", "2028-02-29T23:59Z", "2028-03-01T00:00Z")
    assert.deepStrictEqual(kept({ monthly: 3 }, all), ["2028-01-31T23:59", "2028-02-29T23:59", "2028-03-01T00:00"])
    assert.deepStrictEqual(kept({ monthly: 1, daily: 2 }, all), ["2028-02-29T23:59", "2028-03-01T00:00"])
  })

  it("never the newest is removed, and never one of another name", () => {
    fc.assert(
      fc.property(policies, histories, (policy, all) => {
        const removed = Retention.superfluous(policy, PREFIX, all)
        const names = new Set(ownOf(all).map(({ name }) => name))
        assert.isTrue(removed.every((name) => names.has(name)))
        const newest = ownOf(all).at(-1)
        assert.isFalse(newest !== undefined && removed.includes(newest.name))
      }),
      parameters(1000)
    )
  })

  it("no more are kept than the counts allow together, and once they are removed no more", () => {
    fc.assert(
      fc.property(policies, histories, (policy, all) => {
        const rest = without(all, Retention.superfluous(policy, PREFIX, all))
        const sum = RULES.reduce((total, rule) => total + (policy[rule] ?? 0), 0)
        assert.isAtMost(ownOf(rest).length, Math.max(1, sum))
        assert.deepStrictEqual(Retention.superfluous(policy, PREFIX, rest), [])
      }),
      parameters(1000)
    )
  })

  it("what a rule keeps alone is kept beside others", () => {
    fc.assert(
      fc.property(policies, histories, (policy, all) => {
        const removed = new Set(Retention.superfluous(policy, PREFIX, all))
        for (const rule of RULES) {
          if ((policy[rule] ?? 0) === 0) continue
          const alone = without(all, Retention.superfluous({ [rule]: policy[rule] }, PREFIX, all))
          assert.isFalse(alone.some(({ name }) => removed.has(name)))
        }
      }),
      parameters(500)
    )
  })

  it("one is kept of each of as many days as the rule says, if the clock goes forward", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10 }),
        fc.array(fc.nat(2000), { minLength: 1, maxLength: 60 }),
        (daily, hours) => {
          const all = hours
            .toSorted((a, b) => a - b)
            .map((hour, i) => own(BigInt(hour * HOUR_MILLIS + i) * NANOS_PER_MILLI))
          const days = new Set(all.map(({ name }) => name.slice(0, PREFIX.length + 10)))
          const left = kept({ daily }, all)
          assert.strictEqual(left.length, Math.min(daily, days.size))
          assert.strictEqual(new Set(left.map((name) => name.slice(0, 10))).size, left.length)
        }
      ),
      parameters(500)
    )
  })
})
