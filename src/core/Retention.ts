/**
 * Which of the snapshots that were taken by the clock are kept, and what they are called.
 *
 * - A snapshot is the clock's if its name is the prefix and then a time stamp. No other is ever removed.
 * - A rule keeps the newest snapshot of each of the last so many hours, days, weeks or months in which there is one, by UTC; weeks
 *   begin on Monday. `last` keeps the newest ones as such. What one rule keeps is kept.
 * - The newest is always kept. "Newest" is what was taken last, whatever the clock said then.
 */
import { invariant } from "./Invariant.ts"

/** How many are kept, by rule; a rule that is left out keeps none. */
export interface Policy {
  readonly last?: number | undefined
  readonly hourly?: number | undefined
  readonly daily?: number | undefined
  readonly weekly?: number | undefined
  readonly monthly?: number | undefined
}

export interface Taken {
  readonly name: string
  /** In nanoseconds since 1970. */
  readonly time: bigint
}

// ---- the calendar

const NANOS_PER_MILLI = BigInt(1_000_000)
const HOUR_MILLIS = 3_600_000
const DAY_MILLIS = 24 * HOUR_MILLIS

/** Milliseconds since 1970, rounded down. */
const millisOf = (time: bigint): number => {
  const millis = time / NANOS_PER_MILLI
  return Number(millis * NANOS_PER_MILLI > time ? millis - BigInt(1) : millis)
}

interface Day {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number
}

/** The date of a day since 1970, by the Gregorian calendar: its years are counted from March, so that leap days come last. */
const dayOf = (days: number): Day => {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const leaps = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096)
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
  const day = dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day }
}

const digits = (value: number, count: number): string => String(value).padStart(count, "0")

/** As in "2026-11-22T10:15:30.123Z". */
const stamp = (time: bigint): string => {
  const millis = millisOf(time)
  const days = Math.floor(millis / DAY_MILLIS)
  const { day, month, year } = dayOf(days)
  const rest = millis - days * DAY_MILLIS
  const [hour, minute, second] = [HOUR_MILLIS, 60_000, 1000].map((unit, i) =>
    digits(Math.floor(rest / unit) % (i === 0 ? 24 : 60), 2)
  )
  const date = `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`
  return `${date}T${hour}:${minute}:${second}.${digits(rest % 1000, 3)}Z`
}

// ---- names

/** Bytes of a time stamp. */
export const STAMP_BYTES = 24

const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** The name of a snapshot that is taken at a time. */
export const nameOf = (prefix: string, time: bigint): string => prefix + stamp(time)

/** Whether a snapshot of this name was taken by the clock, under this prefix. */
export const isOwn = (prefix: string, name: string): boolean =>
  name.startsWith(prefix) && STAMP.test(name.slice(prefix.length))

// ---- choosing

const buckets: Readonly<Record<Exclude<keyof Policy, "last">, (time: bigint) => number>> = {
  hourly: (time) => Math.floor(millisOf(time) / HOUR_MILLIS),
  daily: (time) => Math.floor(millisOf(time) / DAY_MILLIS),
  // The first of January 1970 was a Thursday.
  weekly: (time) => Math.floor((Math.floor(millisOf(time) / DAY_MILLIS) + 3) / 7),
  monthly: (time) => {
    const { month, year } = dayOf(Math.floor(millisOf(time) / DAY_MILLIS))
    return year * 12 + month
  }
}

const RULES = ["hourly", "daily", "weekly", "monthly"] as const

/** The names of those to be removed, of all snapshots, which are given in the order in which they were taken. */
export const superfluous = (policy: Policy, prefix: string, snapshots: ReadonlyArray<Taken>): ReadonlyArray<string> => {
  const own = snapshots.filter(({ name }) => isOwn(prefix, name))
  const newestFirst = own.toReversed()
  const kept = new Set(newestFirst.slice(0, Math.max(1, policy.last ?? 0)))
  for (const rule of RULES) {
    const count = policy[rule] ?? 0
    const seen = new Set<number>()
    for (const one of newestFirst) {
      if (seen.size >= count) break
      const bucket = buckets[rule](one.time)
      if (!seen.has(bucket)) kept.add(one)
      seen.add(bucket)
    }
  }
  invariant(own.length === 0 || kept.has(newestFirst[0]), "the newest snapshot is kept")
  return own.filter((one) => !kept.has(one)).map(({ name }) => name)
}
