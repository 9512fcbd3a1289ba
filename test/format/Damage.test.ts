import * as Effect from "effect/Effect"
import { assert, describe, it } from "vitest"
import { DeviceFailed } from "../../src/shell/DeviceError.ts"
import * as MemoryDevice from "../../src/shell/MemoryDevice.ts"
import { Random } from "../../src/testing/Random.ts"
import { digestOf, kinds } from "./Checksum.ts"
import { Disk } from "./Disk.ts"
import { Fault } from "./Fault.ts"
import { openDisk } from "./Opening.ts"
import { Operations } from "./Operations.ts"
import { readImage } from "./Reader.ts"
import { shippedSummary } from "./ShippedSummary.ts"
import { slotPage } from "./Superblock.ts"
import { summaryOf } from "./Summary.ts"
import type { Format } from "./TestImage.ts"
import { makeImage, openImage, runFixed, withVolume } from "./TestImage.ts"

const formats: ReadonlyArray<Format> = [
  { pageSize: 512, checksum: "xxh64", size: 131_072 },
  { pageSize: 512, checksum: "sha256", size: 131_072 },
  { pageSize: 4096, checksum: "xxh64", size: 524_288 }
]

/** Images of a volume that was never closed: as it is, and as it was before the last commit. */
const lastCommit = (format: Format) =>
  runFixed(
    makeImage(format, (volume, image) =>
      Effect.gen(function* () {
        const operations = new Operations(7, format.pageSize)
        const write = Effect.suspend(() => volume.write(operations.next()))
        for (let done = 0; done < 30; done += 1) yield* volume.transaction(Effect.andThen(write, write))
        const before = { image: yield* image, summary: yield* shippedSummary(volume) }
        for (;;) {
          yield* volume.transaction(Effect.andThen(write, Effect.andThen(write, write)))
          const after = { image: yield* image, summary: yield* shippedSummary(volume) }
          if (changedPages(before.image, after.image, format.pageSize).length > 4) return { before, after }
          Object.assign(before, after)
        }
      })
    )
  ).then(({ value }) => value)

const changedPages = (before: Uint8Array, after: Uint8Array, pageSize: number): ReadonlyArray<number> =>
  Array.from({ length: after.length / pageSize }, (_, page) => page).filter(
    (page) =>
      Buffer.compare(
        before.subarray(page * pageSize, (page + 1) * pageSize),
        after.subarray(page * pageSize, (page + 1) * pageSize)
      ) !== 0
  )

const patched = (image: Uint8Array, offset: number, bytes: Uint8Array): Uint8Array => {
  const copy = image.slice()
  copy.set(bytes, offset)
  return copy
}

/** Appends a section of three bytes to the page of a root record. */
const withSection = (page: Uint8Array, tag: number): Uint8Array => {
  const view = new DataView(page.buffer)
  const sectionBytes = view.getUint32(184, true)
  view.setUint16(192 + sectionBytes, tag, true)
  view.setUint16(194 + sectionBytes, 3, true)
  view.setUint32(184, sectionBytes + 7, true)
  return page
}

/** How an opening ends, in words that both sides have. */
type Outcome = string

const ours = (image: Uint8Array, unreadable?: ReadonlySet<number>): Outcome => {
  try {
    const { record, rejected } = openDisk(new Disk(image, unreadable))
    return `opened ${record.generation}, rejected ${rejected.map((one) => one.record.generation).join()}`
  } catch (fault) {
    if (fault instanceof Fault) return fault.kind
    throw fault
  }
}

const words: Readonly<Record<string, string>> = {
  NotFormatted: "not a volume",
  UnsupportedFormat: "unsupported",
  Corrupt: "corrupt",
  DeviceFailed: "unreadable"
}

const theirs = (image: Uint8Array, unreadable: ReadonlySet<number> = new Set()): Promise<Outcome> =>
  Effect.gen(function* () {
    const device = yield* MemoryDevice.make({ image })
    const failing: MemoryDevice.MemoryDevice = {
      ...device,
      read: (ranges) => {
        const bad = ranges.find(({ bytes, offset }) =>
          [...unreadable].some((sector) => sector * 512 < offset + bytes.length && (sector + 1) * 512 > offset)
        )
        if (bad === undefined) return device.read(ranges)
        const { offset } = bad
        const fields = { device: "memory", operation: "read", code: "EIO", reason: "a test", cause: undefined } as const
        return Effect.fail(new DeviceFailed({ ...fields, offset }))
      }
    }
    return yield* withVolume(failing, { readOnly: true, format: "never" }, ({ facts, statistics }) =>
      Effect.map(statistics, ({ generation }) => `opened ${generation}, rejected ${facts.rejectedRoots.join()}`)
    )
  }).pipe(
    Effect.catchTag("VolumeError", ({ reason }) => Effect.succeed(words[reason._tag] ?? reason._tag)),
    runFixed
  )

describe.each(formats)("a damaged volume with pages of $pageSize and $checksum", (format) => {
  const { pageSize } = format
  const commit = lastCommit(format)

  it("is the last commit if nothing is damaged", async () => {
    const { after } = await commit
    assert.deepStrictEqual(summaryOf(readImage(after.image)), after.summary)
  })

  it("is the commit before if any page of the last one is missing", async () => {
    const { after, before } = await commit
    const newest = openDisk(new Disk(after.image)).record
    let unseen = 0
    const pages = changedPages(before.image, after.image, pageSize)
    assert.isAbove(pages.length, 3)
    for (const page of pages) {
      const old = before.image.subarray(page * pageSize, (page + 1) * pageSize)
      const image = patched(after.image, page * pageSize, old)
      const reading = readImage(image)
      assert.deepStrictEqual(reading.complaints, [])
      assert.deepStrictEqual(summaryOf(reading), before.summary)
      const shipped = await runFixed(openImage(image, shippedSummary))
      assert.deepStrictEqual(shipped, before.summary)
      assert.strictEqual(await theirs(image), ours(image))
      if (reading.opened.rejected.length === 0) unseen += 1
      else assert.deepStrictEqual(reading.opened.rejected[0].record, newest)
    }
    // Without a page the last commit is rejected; without its record it never was.
    assert.strictEqual(unseen, 1)
  })

  it("is found by either copy of its superblock", async () => {
    const { after } = await commit
    const { superblock } = openDisk(new Disk(after.image))
    const wiped = new Uint8Array(pageSize)
    const first = patched(after.image, 0, wiped)
    assert.strictEqual(openDisk(new Disk(first)).superblockOffset, superblock.secondCopy * pageSize)
    assert.deepStrictEqual(summaryOf(readImage(first)), after.summary)
    assert.strictEqual(await theirs(first), ours(first))
    const neither = patched(first, superblock.secondCopy * pageSize, wiped)
    assert.strictEqual(ours(neither), "not a volume")
    assert.strictEqual(await theirs(neither), "not a volume")
  })

  it("is not opened if the newest root may stand in a slot that cannot be read", async () => {
    const { after } = await commit
    const { record, superblock } = openDisk(new Disk(after.image))
    const outcomes = new Map<string, number>()
    for (let step = 0; step < superblock.slotCount; step += 1) {
      const slot = (record.slot + step) % superblock.slotCount
      const unreadable = new Set([(slotPage(superblock, slot) * pageSize) / 512])
      const outcome = ours(after.image, unreadable)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      assert.strictEqual(await theirs(after.image, unreadable), outcome)
    }
    assert.isTrue(outcomes.has("unreadable"))
    assert.isTrue(outcomes.has(`opened ${record.generation}, rejected `))
  })

  it("is corrupt on a device that was cut short", async () => {
    const { after } = await commit
    for (const share of [0.3, 0.6, 0.9]) {
      const image = after.image.subarray(0, Math.floor((after.image.length * share) / 512) * 512)
      assert.strictEqual(ours(image), "corrupt")
      assert.strictEqual(await theirs(image), "corrupt")
    }
  })

  it("is unsupported if a root that counts asks for what nobody knows", async () => {
    const { after } = await commit
    const { record, slots, superblock } = openDisk(new Disk(after.image))
    const opened = `opened ${record.generation}, rejected `
    for (const root of slots) {
      if (typeof root === "string" || root instanceof Fault) continue
      for (const tag of [0x8000, 0x8004, 0x8008, 0x0001]) {
        const address = slotPage(superblock, root.slot)
        const page = withSection(after.image.slice(address * pageSize, (address + 1) * pageSize), tag)
        const place = { address, birth: root.generation, pages: 1, kind: kinds.root, level: 0 }
        page.set(digestOf(superblock.algorithm, superblock.volumeId, place, page.subarray(32)))
        const image = patched(after.image, address * pageSize, page)
        const counts = root.generation === record.generation && tag >= 0x8000
        assert.strictEqual(ours(image), counts ? "unsupported" : opened)
        assert.strictEqual(await theirs(image), counts ? "unsupported" : opened)
      }
    }
  })

  it("ends alike for both readers whatever is damaged", async () => {
    const { after, before } = await commit
    const { superblock } = openDisk(new Disk(after.image))
    const random = new Random(pageSize)
    const pages = changedPages(before.image, after.image, pageSize)
    const slots = Array.from({ length: superblock.slotCount / 2 + 1 }, (_, page) => page)
    const targets = [...pages, ...slots, ...slots.map((page) => superblock.secondCopy + page)]
    const outcomes = new Set<string>()
    for (let round = 0; round < 100; round += 1) {
      const image = after.image.slice()
      for (let count = 1 + random.below(3); count > 0; count -= 1) {
        const start = targets[random.below(targets.length)] * pageSize
        const kind = random.below(4)
        if (kind === 0) image.fill(0, start, start + pageSize)
        else if (kind === 1) image.set(random.bytes(8), start + random.below(pageSize / 8) * 8)
        else if (kind === 2) image.set(before.image.subarray(start, start + pageSize), start)
        else image[start + 32 + random.below(200)] ^= 1 << random.below(8)
      }
      // What the reader does with a first copy of another version is tested by itself.
      const outcome = ours(image)
      if (outcome === "unsupported") continue
      outcomes.add(outcome)
      assert.strictEqual(await theirs(image), outcome)
    }
    assert.isAbove(outcomes.size, 2)
  })
})
