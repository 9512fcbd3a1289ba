/**
 * `kill -9` of a process that offers items to a queue and works on them, before each call of its device in turn. NOTAFS_QUEUE_KILLS
 * says how many kills there are. That this can fail is shown by queues that are broken.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Scale from "../torture/Scale.ts"
import { ITEMS } from "./killQueue.ts"
import * as QueueKills from "./QueueKills.ts"

const count = Scale.number("QUEUE_KILLS", 12)

describe("a queue whose process is killed", () => {
  it.live(
    "delivers every item, and none again that was acknowledged as done",
    () =>
      Effect.gen(function* () {
        const { calls, faults, offered } = yield* QueueKills.run("Sound", (all) =>
          Array.from({ length: count }, (_, kill) => Math.floor((kill * all) / count))
        )
        assert.isAbove(calls, 6 * ITEMS)
        assert.isAbove(offered, ITEMS)
        assert.deepStrictEqual(faults, [])
      }),
    600_000
  )

  it.live(
    "is caught if it calls an item done before that has been worked on",
    () =>
      Effect.gen(function* () {
        // Three commits to an item, of two calls each: one of them ends between the two.
        const { faults } = yield* QueueKills.run("DoneFirst", (calls) =>
          Array.from({ length: 6 }, (_, kill) => Math.floor(calls / 2) + kill)
        )
        assert.match(faults.join("\n"), /^\S+ was offered, and never came$/m)
        assert.notMatch(faults.join("\n"), /not killed/)
      }),
    600_000
  )

  it.live(
    "is caught if it calls an item done before that is durable",
    () =>
      Effect.gen(function* () {
        // While the next item is offered, at one of two calls that are half a round apart.
        const { faults } = yield* QueueKills.run("DoneLate", (calls) =>
          [0, 3].map((kill) => Math.floor(calls / 2) + kill)
        )
        assert.match(faults.join("\n"), /^\S+ was done, and came again$/m)
        assert.notMatch(faults.join("\n"), /not killed/)
      }),
    600_000
  )
})
