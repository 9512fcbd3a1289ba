/**
 * Equal inputs, equal images (I15): the same folder imported twice, with the clock and the ids given.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { Identity } from "../../src/index.ts"
import * as TemporaryFolder from "../shell/TemporaryFolder.ts"
import * as HostFolder from "./HostFolder.ts"
import * as Tool from "./Tool.ts"

/** Ids that count. */
const counting = (): typeof Identity.Service => {
  let count = 0
  return { next: () => new Uint8Array(16).fill(++count), boot: new Uint8Array(16) }
}

const imageOf = (folder: string, source: string, image: string, ids: typeof Identity.Service) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(1_700_000_000_000)
    for (const args of [
      ["format", path.join(folder, image), "--size", "64MiB"],
      ["import", path.join(folder, image), source, "@/stuff"]
    ]) {
      const { err, status } = yield* Tool.run(args)
      assert.deepStrictEqual([status, err], [0, ""])
    }
    return fs.readFileSync(path.join(folder, image))
  }).pipe(Effect.provideService(Identity, ids))

describe("an image", () => {
  it.effect("is the same for the same folder, clock and ids, and another one for other ids", () =>
    Effect.gen(function* () {
      const folder = yield* TemporaryFolder.make
      const source = path.join(folder, "source")
      fs.mkdirSync(source)
      HostFolder.plantNasty(source)
      // Being read changes times of access that are not later than the last change.
      const now = Date.now() / 1000
      for (const name of fs.readdirSync(source, { recursive: true, encoding: "utf8" })) {
        const at = path.join(source, name)
        fs.lutimesSync(at, now + 3600, now)
      }
      fs.lutimesSync(source, now + 3600, now)
      const first = yield* imageOf(folder, source, "first.img", counting())
      const second = yield* imageOf(folder, source, "second.img", counting())
      assert.isTrue(first.equals(second))
      const ids = { next: () => new Uint8Array(16).fill(99), boot: new Uint8Array(16) }
      assert.isFalse(first.equals(yield* imageOf(folder, source, "third.img", ids)))
    })
  )
})
