/**
 * What the rounds of one test have tried in sum.
 *
 * - A count is added up wherever its name stands in what a harness prints; where an object stands, all numbers in it are.
 * - Crash images that are equal count as one, over all rounds.
 */
import { readFileSync, rmSync } from "node:fs"
import { FingerprintSet } from "./FingerprintSet.ts"
import type { Result } from "./Round.ts"
import type { Test } from "./Table.ts"

type Json = Readonly<Record<string, unknown>>

/** Under which names harnesses say how often a promise was broken. */
const VIOLATIONS = ["violations", "violationsInRecommended", "problems"]

export class Figures {
  readonly #test: Test
  readonly #sums = new Map<string, number>()
  readonly #histograms = new Map<string, Record<string, number>>()
  readonly #images = new FingerprintSet()
  #rounds = 0
  #failures = 0
  #violations = 0
  #seconds = 0
  #cpuSeconds = 0

  constructor(test: Test) {
    this.#test = test
    for (const name of test.counts) this.#sums.set(name, 0)
  }

  get hasFailed(): boolean {
    return this.#failures > 0 || this.#violations > 0
  }

  add({ cpuSeconds, failures, figures, images, passed, seconds }: Result): void {
    this.#rounds++
    this.#failures += failures.length
    this.#seconds += seconds
    this.#cpuSeconds += cpuSeconds
    this.#addTo("tests", passed)
    for (const one of figures) this.#collect(one)
    if (images === undefined) return
    const bytes = readFileSync(images)
    for (let at = 0; at < bytes.length; at += 8) this.#images.add(bytes.readDoubleLE(at))
    rmSync(images)
  }

  /** One line of JSON. */
  toJSON(): Json {
    const { counts, hasImages, histograms = [], name, pieces, what } = this.#test
    const sums: Record<string, number> = Object.fromEntries(this.#sums)
    if (hasImages === true) sums["distinct"] = this.#images.count
    const [unit] = counts
    const per = (seconds: number): number => (seconds === 0 ? 0 : Math.round((10 * sums[unit]) / seconds) / 10)
    return {
      test: name,
      what,
      rounds: this.#rounds,
      ...(pieces === undefined ? {} : { of: pieces }),
      ...sums,
      ...Object.fromEntries(histograms.map((histogram) => [histogram, this.#histograms.get(histogram) ?? {}])),
      violations: this.#violations,
      failures: this.#failures,
      seconds: Math.round(this.#seconds),
      cpuSeconds: Math.round(this.#cpuSeconds),
      rate: { of: unit, perSecondOfRound: per(this.#seconds), perCpuSecond: per(this.#cpuSeconds) }
    }
  }

  #addTo(name: string, count: number): void {
    const before = this.#sums.get(name)
    if (before !== undefined) this.#sums.set(name, before + count)
  }

  #collect(figures: Json): void {
    for (const [name, value] of Object.entries(figures)) {
      if (VIOLATIONS.includes(name)) this.#violations += total(value)
      else if (this.#sums.has(name)) this.#addTo(name, total(value))
      else if (typeof value !== "object" || value === null) continue
      else if (this.#test.histograms?.includes(name) === true) this.#merge(name, value as Json)
      else this.#collect(value as Json)
    }
  }

  #merge(name: string, figures: Json): void {
    const sum = this.#histograms.get(name) ?? {}
    this.#histograms.set(name, sum)
    for (const [key, value] of Object.entries(figures)) sum[key] = (sum[key] ?? 0) + total(value)
  }
}

const total = (value: unknown): number => {
  if (typeof value === "number") return value
  if (typeof value !== "object" || value === null) return 0
  return Object.values(value).reduce<number>((sum, one) => sum + total(one), 0)
}
