/**
 * The right to change a volume: whose turn it is, and what an interruption leaves.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scheduler } from "effect"
import { Permit } from "../../src/shell/Permit.ts"

/** Takes the permit as a writer does, tells that it has it, and gives it back when it is told. */
const writer = (permit: Permit, name: string, told: Array<string>, use: Effect.Effect<void> = Effect.void) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.andThen(
      permit.take(restore),
      Effect.ensuring(
        Effect.andThen(
          Effect.sync(() => told.push(name)),
          use
        ),
        Effect.sync(() => permit.release())
      )
    )
  )

const steps = (count: number): Effect.Effect<void> =>
  count === 0
    ? Effect.void
    : Effect.andThen(
        Effect.void,
        Effect.suspend(() => steps(count - 1))
      )

describe("the writer's permit", () => {
  it("is taken here and now by one at a time", () => {
    const permit = new Permit()
    assert.isTrue(permit.takeNow())
    assert.isFalse(permit.takeNow())
    permit.release()
    assert.isTrue(permit.takeNow())
  })

  it.effect("goes to those who wait in the order in which they came, and to nobody between", () =>
    Effect.gen(function* () {
      const permit = new Permit()
      const told: Array<string> = []
      assert.isTrue(permit.takeNow())
      const fibers = yield* Effect.forEach(["first", "second", "third"], (name) =>
        Effect.forkChild(writer(permit, name, told, Effect.yieldNow), { startImmediately: true })
      )
      assert.strictEqual(permit.waitingCount, 3)
      permit.release()
      assert.isFalse(permit.takeNow())
      assert.deepStrictEqual(told, [])
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(told, ["first", "second", "third"])
      assert.strictEqual(permit.waitingCount, 0)
      assert.isTrue(permit.takeNow())
    })
  )

  it.effect("passes over who was interrupted while it waited", () =>
    Effect.gen(function* () {
      const permit = new Permit()
      const told: Array<string> = []
      assert.isTrue(permit.takeNow())
      const [first, second] = yield* Effect.forEach(["first", "second"], (name) =>
        Effect.forkChild(writer(permit, name, told), { startImmediately: true })
      )
      yield* Fiber.interrupt(first)
      assert.strictEqual(permit.waitingCount, 1)
      permit.release()
      yield* Fiber.join(second)
      assert.deepStrictEqual(told, ["second"])
      assert.isTrue(permit.takeNow())
    })
  )

  it.effect("is given on by who was interrupted when its turn had come", () =>
    Effect.gen(function* () {
      const permit = new Permit()
      const told: Array<string> = []
      assert.isTrue(permit.takeNow())
      const [first, second] = yield* Effect.forEach(["first", "second"], (name) =>
        Effect.forkChild(writer(permit, name, told), { startImmediately: true })
      )
      permit.release()
      yield* Fiber.interrupt(first)
      yield* Fiber.join(second)
      assert.deepStrictEqual(told, ["second"])
      assert.isTrue(permit.takeNow())
    })
  )

  it.effect("keeps nobody waiting while it is free, however often fibers give way", () =>
    Effect.gen(function* () {
      for (let operations = 3; operations < 10; operations++) {
        for (let lag = 0; lag < 20; lag++) {
          const permit = new Permit()
          const told: Array<string> = []
          const late = Effect.andThen(steps(lag), writer(permit, "late", told))
          const both = Effect.all([writer(permit, "early", told), late], { concurrency: "unbounded" })
          yield* Effect.provideService(both, Scheduler.MaxOpsBeforeYield, operations)
          assert.sameMembers(told, ["early", "late"])
          assert.isTrue(permit.takeNow())
        }
      }
    })
  )

  it.effect("comes back from an effect that fails", () =>
    Effect.gen(function* () {
      const permit = new Permit()
      assert.deepStrictEqual(yield* Effect.exit(permit.with(Effect.fail("no"))), Exit.fail("no"))
      assert.isTrue(permit.takeNow())
    })
  )
})
