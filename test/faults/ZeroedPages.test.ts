/**
 * T5, page by page: with any one page of the trees or of a file's content zeroed, every file that is not under it still
 * reads, and a deep check names what is damaged. With NOTAFS_DEPTH=1 every page is tried.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { afterAll, assert, describe, it, vi } from "vitest"
import type * as Xxhash from "xxhash-wasm"
import * as Files from "../../src/shell/Files.ts"
import { makeGolden, recipes } from "../format/goldenRecipes.ts"
import * as Scale from "../torture/Scale.ts"
import { ArrayDisk } from "./ArrayDisk.ts"
import { Histogram, latin1, report, runFixed, Violations, withVolume } from "./FaultVolume.ts"
import { failureOf } from "./FlipSubject.ts"
import { needs, owners } from "./PageOwners.ts"

vi.mock("xxhash-wasm", async (original) => {
  const { default: load } = await original<typeof Xxhash>()
  const loaded = load()
  return { default: () => loaded }
})

const figures: Record<string, unknown> = { test: "T5, pages" }

/** Files above this size are mostly holes and are not read whole. */
const READ_BYTES_MAX = 1024 * 1024

const tryPages = async (name: string, every: number) => {
  const recipe = recipes.find((one) => one.name === name)
  if (recipe === undefined) throw new Error(`no recipe ${name}`)
  const image = await makeGolden({ ...recipe, end: "closed" })
  const disk = new ArrayDisk(image)
  const options = { readOnly: true, format: "never" } as const
  const outcomes = new Histogram()
  const violations = new Violations()
  await runFixed(
    Effect.gen(function* () {
      const contents = new Map<string, string>()
      const { files, pageBytes, pages } = yield* withVolume(disk.device, options, (volume) =>
        Effect.gen(function* () {
          const found = yield* owners(volume)
          for (const { path } of found.files) {
            contents.set(path, latin1(yield* Files.readRange(volume, path, 0, READ_BYTES_MAX)))
          }
          return found
        })
      )
      for (const [number, page] of pages.entries()) {
        if (number % every !== 0) continue
        const start = page.address * pageBytes
        const end = start + page.pageCount * pageBytes
        // A page of zeros that is zeroed is not damaged.
        if (image.subarray(start, end).every((byte) => byte === 0)) continue
        const before = image.slice(start, end)
        image.fill(0, start, end)
        yield* withVolume(disk.device, options, (volume) =>
          Effect.gen(function* () {
            const suffering = new Set<string>()
            for (const file of files) {
              const read = yield* Effect.exit(Files.readRange(volume, file.path, 0, READ_BYTES_MAX))
              if (needs(file, page)) suffering.add(file.path)
              if (Exit.isSuccess(read)) {
                outcomes.add(suffering.has(file.path) ? "read though under it" : "read")
                if (latin1(read.value) !== contents.get(file.path)) violations.add(`${file.path}: wrong bytes`)
                continue
              }
              const failure = failureOf(read)
              const isCorrupt = typeof failure !== "string" && failure.reason._tag === "Corrupt"
              outcomes.add(isCorrupt ? "corrupt" : "something else")
              if (!isCorrupt || !suffering.has(file.path)) {
                violations.add(
                  `page ${page.address}: ${file.path}: ${typeof failure === "string" ? failure : failure.message}`
                )
              }
            }
            const { isComplete, problems } = yield* volume.check({ deep: true })
            const here = problems.filter(({ address }) => address === page.address)
            outcomes.add(`check names ${here.some(({ path }) => path !== undefined) ? "the path" : "the page"}`)
            if (here.length === 0) violations.add(`page ${page.address}: the check does not name it`)
            if (page.inode === undefined) {
              if (isComplete) violations.add(`page ${page.address}: the check calls itself complete`)
            } else if (suffering.size > 0 && !here.some(({ path }) => path !== undefined && suffering.has(path))) {
              violations.add(`page ${page.address}: the check does not name ${[...suffering].join()}`)
            }
          })
        )
        outcomes.add("pages")
        image.set(before, start)
      }
    })
  )
  figures[name] = { ...outcomes.toJSON(), violations: violations.count }
  return { outcomes, violations }
}

describe("a zeroed page", () => {
  it.each([
    ["everything-4096-xxh64", 1],
    ["everything-512-sha256", 2],
    ["fragments-512-xxh64", 1]
  ] as const)("costs what is under it: %s", { timeout: 300_000 }, async (name, every) => {
    const { outcomes, violations } = await tryPages(name, Scale.depth > 0 ? 1 : every)
    assert.deepStrictEqual(violations.list, [])
    assert.isAbove(outcomes.get("corrupt"), 10)
    assert.isAbove(outcomes.get("read"), 100)
  })
})

afterAll(() => report(figures))
