/**
 * What a fiber of the simulation does to a volume without changing it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Files from "../../src/shell/Files.ts"
import * as CrashState from "./CrashState.ts"
import { answerOf, compare, compareWhole } from "./SimulationJudge.ts"
import * as Keeping from "./SimulationKeeping.ts"
import * as Model from "./SimulationModel.ts"
import type { Seen } from "./SimulationModel.ts"
import * as Steps from "./SimulationSteps.ts"
import { floorOf, perhapsInterrupted, seenIn, stateIn, tagOf, tell, type World } from "./SimulationWorld.ts"
import * as SimulationService from "./SimulationService.ts"

/** One read on its own. It tells by the mark which state it has seen. */
export const look = (world: World): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { model, volume } = world
    const floor = floorOf(world)
    const durable = model.floor
    const step = Steps.choose(world.random, Model.modelOf(model.told), world.taste, true)
    world.count(step.do)
    world.spend()
    tell(world, Steps.format(step))
    let seen: Seen | undefined
    const noting = SimulationService.make(volume, {
      read: (f) =>
        volume.read((pages, roots) => {
          const found = seenIn(pages, roots)
          const result = f(pages, roots)
          seen = found
          return result
        })
    })
    return Effect.map(perhapsInterrupted(world, Steps.onVolume(noting, step), 0.05), (exit) => {
      const answer = answerOf(exit)
      if (answer === undefined) {
        if (Exit.isFailure(exit)) tagOf(world, "a read", exit.cause)
        return
      }
      if (seen === undefined) return
      const state = stateIn(world, seen, world.health.isPoisoned ? durable : floor)
      compare(world, `a read of state ${seen.mark}`, step, answer, Steps.tried(Model.modelOf(state), step))
      // Without an interval only what is durable is seen.
      if (!world.isInterval) model.floor = model.later(state, model.floor)
    })
  })

/** A view that is held open while others write: it goes on seeing the same state. */
export const view = (world: World): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { model, random, volume, watch } = world
    const floor = floorOf(world)
    const durable = model.floor
    world.count("view")
    tell(world, "view")
    let unpin = (): void => undefined
    const body = Effect.gen(function* () {
      const { names, seen } = yield* volume.read((pages, roots) => {
        unpin()
        unpin = watch.pin(roots.names)
        return { seen: seenIn(pages, roots), names: roots.names }
      })
      const state = stateIn(world, seen, world.health.isPoisoned ? durable : floor)
      model.floor = model.later(state, model.floor)
      for (let count = random.below(6); count > 0; count--) {
        yield* world.machine.turns(80)
        if (random.chance(0.1)) yield* Effect.sleep(random.below(2000))
        const step = Steps.choose(random, Model.modelOf(state), world.taste, true)
        world.count(step.do)
        world.spend()
        tell(world, Steps.format(step))
        const exit = yield* Effect.exit(Steps.onVolume(volume, step))
        const answer = answerOf(exit)
        if (answer !== undefined) compare(world, "in a view", step, answer, Steps.tried(Model.modelOf(state), step))
        else if (Exit.isFailure(exit)) return yield* Effect.failCause(exit.cause)
      }
      const whole = yield* volume.read((pages, roots) => ({
        text: CrashState.ofVolume(pages, roots, true),
        isSame: roots.names === names
      }))
      if (!whole.isSame) world.breach("a view has gone on to another root")
      compareWhole(world, "at the end of a view", state, whole.text)
      if (random.chance(0.25)) {
        world.count("list snapshots in a view")
        const names = Keeping.namesOf(yield* volume.snapshots.list)
        const expected = Model.listOf(Model.modelOf(state))
        if (names !== expected) world.breach(`in a view: a list of snapshots is ${names}, and not ${expected}`)
      }
      if (random.chance(0.05)) {
        const exit = yield* Effect.exit(Files.create(volume, "/in-a-view"))
        if (Exit.isSuccess(exit)) world.breach("a view was written to")
      }
    })
    return Effect.map(
      perhapsInterrupted(
        world,
        Effect.ensuring(
          volume.view(body),
          Effect.sync(() => unpin())
        ),
        0.1
      ),
      (exit) => {
        world.count(`view ${Exit.isSuccess(exit) ? "done" : tagOf(world, "a view", exit.cause)}`)
      }
    )
  })

export const sync = (world: World): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { model } = world
    const { told } = model
    world.count("sync")
    world.spend()
    tell(world, "sync")
    return Effect.map(perhapsInterrupted(world, world.volume.sync, 0.05), (exit) => {
      if (Exit.isFailure(exit)) world.count(`sync ${tagOf(world, "a sync", exit.cause)}`)
      else if (!world.health.isPoisoned) model.floor = model.later(told, model.floor)
    })
  })

/** The check of the volume, which must find nothing. */
export const check = (world: World, deep: boolean): Effect.Effect<void> =>
  Effect.suspend(() => {
    world.count("check")
    world.spend()
    tell(world, "check")
    return Effect.map(Effect.exit(world.volume.check({ deep })), (exit) => {
      if (Exit.isFailure(exit)) return void tagOf(world, "a check", exit.cause)
      const { isComplete, problems } = exit.value
      if (world.mayFailToRead() && problems.some(({ code }) => code === "Unreadable")) return
      for (const { code, message } of problems) world.breach(`I8: the check finds ${code}: ${message}`)
      if (!isComplete) world.breach("I8: the check is not complete")
    })
  })

export const statistics = (world: World): Effect.Effect<void> =>
  Effect.map(world.volume.statistics, ({ allocatable, free, generation, size }) => {
    world.count("statistics")
    tell(world, "statistics")
    world.spend()
    if (allocatable > free || free > size) world.breach("the statistics make no sense")
    if (generation > world.watch.durable) world.breach(`I2: root ${generation} counts as durable, and is not`)
  })
