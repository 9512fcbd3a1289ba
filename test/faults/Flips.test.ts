/**
 * T5: a volume of 64 KiB with every bit flipped, every byte zeroed, every sector zeroed, every two pages swapped. Whatever is
 * read is right or `Corrupt`.
 *
 * A tenth of the flips, bytes and pairs is tried, another one with another NOTAFS_SEED; all of them with NOTAFS_DEPTH=1. Damage in a sector that opening and
 * reading do not read cannot change what they do: of such sectors only a few faults are tried, the rest is counted.
 */
import * as Effect from "effect/Effect"
import { afterAll, assert, describe, it, vi } from "vitest"
import type * as Xxhash from "xxhash-wasm"
import type * as Binding from "../../src/core/Binding.ts"
import * as Scale from "../torture/Scale.ts"
import { ArrayDisk } from "./ArrayDisk.ts"
import { Histogram, report, runFixed, Violations } from "./FaultVolume.ts"
import { judge, makeSubject, PAGE_BYTES, sectorsRead, type Subject, type Verdict } from "./FlipSubject.ts"

const broken = vi.hoisted(() => ({ trustsAll: false }))

vi.mock("../../src/core/Binding.ts", async (original) => {
  const actual = await original<typeof Binding>()
  const fault: typeof actual.fault = (...args) => (broken.trustsAll ? undefined : actual.fault(...args))
  return { ...actual, fault }
})

/** Compiles the hash function once and not for each opening. */
vi.mock("xxhash-wasm", async (original) => {
  const { default: load } = await original<typeof Xxhash>()
  const loaded = load()
  return { default: () => loaded }
})

const isAll = Scale.depth > 0
const STEP = isAll ? 1 : 10
/** Another tenth each time this is raised. */
const SHIFT = Scale.seed(3)

/** A fault: where it is, and how the image gets it. */
interface Fault {
  readonly name: string
  readonly pages: ReadonlyArray<number>
  readonly apply: (image: Uint8Array) => void
}

const flips = function* (image: Uint8Array): Generator<Fault> {
  for (let bit = SHIFT % STEP; bit < image.length * 8; bit += STEP) {
    const at = bit >> 3
    yield {
      name: `bit ${bit} flipped`,
      pages: [Math.floor(at / PAGE_BYTES)],
      apply: (bytes) => {
        bytes[at] ^= 1 << (bit & 7)
      }
    }
  }
}

const bytesZeroed = function* (image: Uint8Array): Generator<Fault> {
  for (let at = SHIFT % STEP; at < image.length; at += STEP) {
    if (image[at] === 0) continue
    yield {
      name: `byte ${at} zeroed`,
      pages: [Math.floor(at / PAGE_BYTES)],
      apply: (bytes) => bytes.fill(0, at, at + 1)
    }
  }
}

const sectorsZeroed = function* (image: Uint8Array): Generator<Fault> {
  for (let page = 0; page < image.length / PAGE_BYTES; page += 1) {
    const at = page * PAGE_BYTES
    yield { name: `sector ${page} zeroed`, pages: [page], apply: (bytes) => bytes.fill(0, at, at + PAGE_BYTES) }
  }
}

const pagesSwapped = function* (image: Uint8Array): Generator<Fault> {
  const pageCount = image.length / PAGE_BYTES
  let count = SHIFT
  for (let a = 0; a < pageCount; a += 1) {
    for (let b = a + 1; b < pageCount; b += 1) {
      count += 1
      if (count % STEP !== 0) continue
      const swap = (bytes: Uint8Array): void => {
        const page = bytes.slice(a * PAGE_BYTES, (a + 1) * PAGE_BYTES)
        bytes.copyWithin(a * PAGE_BYTES, b * PAGE_BYTES, (b + 1) * PAGE_BYTES)
        bytes.set(page, b * PAGE_BYTES)
      }
      yield { name: `pages ${a} and ${b} swapped`, pages: [a, b], apply: swap }
    }
  }
}

const kinds = { flips, bytesZeroed, sectorsZeroed, pagesSwapped }

interface Tried {
  images: number
  unread: number
  readonly verdicts: Histogram
  readonly violations: Violations
}

/** Tries the faults one after another on one array, which is mended after each. */
const tryAll = async (
  subject: Subject,
  faults: Iterable<Fault>,
  read: ReadonlySet<number>,
  every = 1
): Promise<Tried> => {
  const tried: Tried = { images: 0, unread: 0, verdicts: new Histogram(), violations: new Violations() }
  const disk = new ArrayDisk(subject.image.slice())
  const seen = new Set<number>()
  let number = 0
  await runFixed(
    Effect.gen(function* () {
      for (const fault of faults) {
        const place = number++
        if (place % every !== 0 || !Scale.isInPiece(place)) continue
        if (Scale.only !== undefined && Scale.only !== fault.name) continue
        if (!fault.pages.some((page) => read.has(page))) {
          const isSeen = seen.has(fault.pages[0])
          seen.add(fault.pages[0])
          if (isSeen) {
            tried.unread += 1
            continue
          }
        }
        fault.apply(disk.bytes)
        const verdict = yield* judge(disk, subject)
        for (const page of fault.pages) {
          const at = page * PAGE_BYTES
          disk.bytes.set(subject.image.subarray(at, at + PAGE_BYTES), at)
        }
        tried.images += 1
        if (typeof verdict === "string") tried.verdicts.add(verdict)
        else tried.violations.add(`${fault.name}: ${verdict.wrong}`)
        if (verdict === "refused" && !mayRefuse(fault)) tried.violations.add(`${fault.name}: the volume was refused`)
        if (isOlder(verdict, fault)) tried.violations.add(`${fault.name}: two roots were lost`)
      }
    })
  )
  return tried
}

/** Two places at once may be the newest root and a page that its base needs: that is told. */
const isOlder = (verdict: Verdict, { pages }: Fault): boolean =>
  verdict === "older, silent" || (verdict === "older, reported" && pages.length < 2)

/** Two places at once: a root and a page that its base needs. Nothing older is ever taken. */
const mayRefuse = ({ name }: Fault): boolean => name.includes("swapped")

const replay = (violation: string): string => {
  const scale = `${Scale.depthText}NOTAFS_ONLY='${violation.split(":", 1)[0]}'`
  return `replay: ${scale} npx vitest run test/faults/Flips.test.ts -t damaged`
}

const figures: Record<string, unknown> = { test: "T5", sampled: isAll ? "all" : "10 %" }

describe.each([true, false])("a damaged image (closed in good order: %s)", (isClean) => {
  const name = isClean ? "clean" : "unclean"
  const subject = makeSubject(isClean)
  const read = subject.then(sectorsRead)

  it.each(Object.keys(kinds) as ReadonlyArray<keyof typeof kinds>)("%s", { timeout: 3_600_000 }, async (kind) => {
    const image = await subject
    // On the unclean image the recovery is what matters: fewer flips do.
    const every = isClean || isAll || kind === "sectorsZeroed" ? 1 : 5
    const begun = performance.now()
    const tried = await tryAll(image, kinds[kind](image.image), await read, every)
    const seconds = Math.round(performance.now() - begun) / 1000
    const { images, unread, verdicts, violations } = tried
    figures[`${name} ${kind}`] = { images, unread, ...verdicts.toJSON(), violations: violations.count, seconds }
    const message = violations.count > 0 ? replay(violations.list[0]) : ""
    assert.deepStrictEqual(violations.list, [], message)
    if (images >= 100) assert.isAbove(verdicts.get("detected"), 0)
    if (isClean) assert.strictEqual(verdicts.get("fallback, reported") + verdicts.get("fallback, silent"), 0)
  })
})

describe("the harness", () => {
  it("catches: bytes are taken whatever their checksum says", async () => {
    const image = await makeSubject(true)
    const read = await sectorsRead(image)
    broken.trustsAll = true
    const { images, violations } = await tryAll(image, flips(image.image), read, 50)
    broken.trustsAll = false
    figures["broken rule: every checksum verifies"] = `${violations.count} violations in ${images} images`
    assert.isAbove(violations.count, 10)
  })
})

afterAll(() => report(figures))
