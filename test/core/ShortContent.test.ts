import * as fc from "fast-check"
import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"
import * as Inode from "../../src/core/Inode.ts"
import * as Node from "../../src/core/Node.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as RopeRun from "../../src/core/RopeRun.ts"
import * as ShortContent from "../../src/core/ShortContent.ts"
import { Random } from "../../src/testing/Random.ts"
import * as FilesCheck from "./FilesCheck.ts"
import { parameters, scaled } from "./propertyRuns.ts"
import { outcome, TestFiles } from "./TestFiles.ts"

/** Bytes behind the content in the pages of a run. */
const tailOf = (files: TestFiles, number: number): Uint8Array =>
  files.volume.read((pages) => {
    const content = files.inode(number)?.content
    if (content?._tag !== "Rope") return new Uint8Array(0)
    const pointerAt = Inode.pointerAt(0) - Inode.AT_CONTENT
    if (Pointer.isNull(pages.layout, content.encoded, pointerAt)) return new Uint8Array(0)
    return pages.node(content.encoded, pointerAt, Node.DATA, 0).slice(content.size)
  })

describe("ShortContent", () => {
  it("is replaced and cut where it stands, and leaves what Content leaves", () => {
    const seen: Record<string, number> = {}
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(512, 4096), (seed, pageBytes) => {
        const random = new Random(seed)
        const files = new TestFiles({ pageBytes, pageCount: 4096, unkindness: { forget: 0.2, abandon: 0.1 }, seed })
        const { layout } = files.volume
        const inlineMax = Inode.inlineBytesMax(layout)
        const runMax = RopeRun.runBytesMax(layout)
        const edges = [0, 1, inlineMax, inlineMax + 1, pageBytes, pageBytes + 1, 3 * pageBytes, runMax, runMax + 1]
        const size = (): number => {
          const edge = edges[random.below(edges.length)]
          return random.chance(0.5) ? edge : random.below(edge + 1)
        }
        let model = random.bytes(size())
        const number = Result.getOrThrow(files.file("/f", model))
        for (let step = 0; step < 12; step++) {
          if (random.chance(0.3)) assert.strictEqual(files.volume.commit(), "Plan")
          files.volume.draft.takeBuffer = (byteCount) => new Uint8Array(byteCount).fill(0xaa)
          const before = model
          const form = files.inode(number)!.content
          const isShort = form._tag === "Inline" || form.encoded[Inode.AT_FORM - Inode.AT_CONTENT] === 0
          if (random.chance(0.6)) {
            const bytes = random.chance(0.3) ? random.bytes(before.length) : random.bytes(size())
            const done = files.volume.run((draft) => ShortContent.replace(draft, number, bytes, files.time))
            assert.strictEqual(done, isShort && bytes.length <= runMax)
            if (!done) continue
            model = bytes
            const now = files.inode(number)!.content._tag
            assert.strictEqual(now, bytes.length <= inlineMax ? "Inline" : "Rope")
            const what = `${form._tag} to ${now}`
            seen[what] = (seen[what] ?? 0) + 1
          } else {
            const to = random.chance(0.2) ? 0 : random.below(before.length + 10)
            const done = files.volume.run((draft) => ShortContent.cut(draft, number, to, files.time))
            const isPage = isShort && form._tag === "Rope" && before.length <= pageBytes
            assert.strictEqual(done, isPage && to > 0 && to < before.length)
            if (!done) continue
            model = before.slice(0, to)
            seen["cut"] = (seen["cut"] ?? 0) + 1
          }
          const inode = files.inode(number)
          assert.strictEqual(inode?.modifyTime, files.time)
          assert.strictEqual(inode?.changeTime, files.time++)
          assert.strictEqual(inode?.size, model.length)
          assert.deepStrictEqual(outcome(files.read(number, 0, model.length + 10)), model)
          assert.isTrue(tailOf(files, number).every((byte) => byte === 0))
        }
        assert.strictEqual(files.volume.commit(), "Plan")
        FilesCheck.check(files.volume)
      }),
      parameters(60)
    )
    for (const what of ["Inline to Inline", "Inline to Rope", "Rope to Rope", "Rope to Inline", "cut"]) {
      assert.isAbove(seen[what] ?? 0, scaled(10), what)
    }
  })

  it("needs no way down for an item that stays as long, and no new run for as many pages", () => {
    const files = new TestFiles({ pageBytes: 4096 })
    const short = Result.getOrThrow(files.file("/short", new Uint8Array(100)))
    const run = Result.getOrThrow(files.file("/run", new Uint8Array(9000)))
    const { draft } = files.volume
    const { dirtyBytes, shape } = draft
    for (const [number, count] of [
      [short, 100],
      [run, 9000],
      [run, 12_000]
    ]) {
      const bytes = new Uint8Array(count).fill(7)
      files.volume.run(() => ShortContent.replace(draft, number, bytes, files.time))
      assert.deepStrictEqual(outcome(files.read(number, 0, 20_000)), bytes)
    }
    assert.deepStrictEqual([draft.dirtyBytes, draft.shape], [dirtyBytes, shape])
  })

  it("is that of files only", () => {
    const files = new TestFiles({ pageBytes: 4096 })
    const folder = outcome(files.folder("/d")) as number
    const bytes = new Uint8Array(3)
    for (const number of [folder, Inode.ROOT, 99]) {
      assert.isFalse(files.volume.run((draft) => ShortContent.replace(draft, number, bytes, files.time)))
      assert.isFalse(files.volume.run((draft) => ShortContent.cut(draft, number, 1, files.time)))
    }
  })
})
