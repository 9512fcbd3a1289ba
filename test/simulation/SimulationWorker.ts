/**
 * A fiber of the simulation: it does random things to the volume beside others, and compares what it sees with the model.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Attributes from "../../src/core/Attributes.ts"
import * as Files from "../../src/shell/Files.ts"
import type { Receipt, Volume } from "../../src/shell/Volume.ts"
import type { VolumeError } from "../../src/shell/VolumeError.ts"
import type { FilesModel } from "../core/FilesModel.ts"
import * as CrashState from "./CrashState.ts"
import { hold } from "./SimulationHandle.ts"
import * as Model from "./SimulationModel.ts"
import type { State } from "./SimulationModel.ts"
import * as Steps from "./SimulationSteps.ts"
import type { Step } from "./SimulationSteps.ts"
import {
  ABORT,
  type Abort,
  eventIn,
  floorOf,
  markIn,
  perhapsInterrupted,
  stateIn,
  tagOf,
  tell,
  type World
} from "./SimulationWorld.ts"

type Service = Volume["Service"]
type Failure = VolumeError | Abort

const markName = new TextEncoder().encode(Model.MARK)
const ROOT = 1

// ---- comparing

const show = (answer: Steps.Answer): string =>
  typeof answer === "string" ? answer : `${answer.length} bytes ${Buffer.from(answer.subarray(0, 16)).toString("hex")}`

const compare = (world: World, where: string, step: Step, answer: Steps.Answer, expected: Steps.Answer): void => {
  if (Steps.isSame(answer, expected)) return
  // A goal that holds the source is a folder and not empty: the shell says the one, as Node does, and the model the other.
  if (step.do === "rename" && answer === "NotEmpty" && expected === "IsAFolder") return
  world.breach(`${where}: ${Steps.format(step)} came to ${show(answer)}, but the model says ${show(expected)}`)
}

/** What a step came to where that is for the model to judge: its answer, or the refusal that a caller has to expect. */
const answerOf = (exit: Exit.Exit<Steps.Answer, VolumeError>): Steps.Answer | undefined => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = Cause.findErrorOption(exit.cause)
  if (error._tag === "None" || Cause.hasDies(exit.cause)) return undefined
  const { reason } = error.value
  return reason instanceof Error ? undefined : reason._tag
}

const compareWhole = (world: World, where: string, state: State, text: string): void => {
  if (text === Model.textOf(state)) return
  world.breach(`${where}: state ${state.mark} is not what it was:\n${CrashState.difference(text, Model.textOf(state))}`)
}

/** Reads all there is and compares it; nothing if a read has failed. */
export const readWhole = (world: World, where: string, floor: State): Effect.Effect<State | undefined> =>
  Effect.map(
    Effect.exit(
      world.volume.read((pages, roots) => ({
        mark: markIn(pages, roots.names),
        text: CrashState.ofVolume(pages, roots, true)
      }))
    ),
    (exit) => {
      if (Exit.isFailure(exit)) {
        tagOf(world, where, exit.cause)
        return undefined
      }
      const state = stateIn(world, exit.value.mark, floor)
      compareWhole(world, where, state, exit.value.text)
      return state
    }
  )

// ---- told and not told

/** A transaction has come to its end as its caller sees it. */
const settle = (
  world: World,
  what: string,
  state: State | undefined,
  exit: Exit.Exit<{ readonly receipt: Option.Option<Receipt> | undefined }, Failure>
): void => {
  const { model } = world
  if (Exit.isFailure(exit)) {
    const tag = tagOf(world, what, exit.cause)
    world.count(`${what} ${tag}`)
    tell(world, tag)
    if (state === undefined) return
    // After its end it may still be made durable, or not, by a commit that fails or that nobody waited for.
    const isOpen = state.status === "Open"
    if (isOpen || ["DiskFull", "Abort", "Died"].includes(tag)) state.status = "Failed"
    return
  }
  world.count(`${what} done`)
  tell(world, "done")
  if (state === undefined) return
  if (state.status !== "Closed") world.breach(`${what} has succeeded, but its effect has not`)
  state.status = "Acknowledged"
  if (!Model.includes(state, model.told) && !Model.includes(model.told, state)) {
    world.breach(
      `I2: transactions ${state.mark} and ${model.told.mark} were both acknowledged, neither knows the other`
    )
  }
  model.told = model.later(state, model.told)
  if (world.isInterval) return
  model.floor = model.later(state, model.floor)
  const { receipt } = exit.value
  if (receipt === undefined) return
  if (Option.isNone(receipt)) world.breach(`${what} has changed something and has no receipt`)
  else if (receipt.value.generation > world.watch.durable) {
    const name = world.health.isPoisoned ? "I12" : "I2"
    world.breach(`${name}: ${what} was acknowledged by root ${receipt.value.generation}, which is not durable`)
  }
}

// ---- writing

/** One operation as the shipped `Files` does it, which sets the mark as well. */
const single = (world: World): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { model, volume } = world
    const step = Steps.choose(world.random, Model.modelOf(model.told), world.taste, false)
    if (step.do === "makeParents") return Effect.void
    world.count(step.do)
    world.spend()
    tell(world, Steps.format(step))
    let state: State | undefined
    let refusal: Steps.Answer | undefined
    const marking: Service = {
      ...volume,
      write: (f) =>
        volume.write((draft) => {
          // What comes after the operation itself frees what it has left.
          if (state !== undefined) return f(draft)
          const parent = model.at(markIn(draft, draft.roots.names))
          refusal = undefined
          Attributes.set(draft, ROOT, markName, Model.markBytes(model.count), "Either", BigInt(0))
          const result = f(draft)
          const made = Model.fork(Model.modelOf(parent))
          const expected = Steps.tried(made, step)
          if (Result.isResult(result) && Result.isFailure(result)) {
            refusal = expected
            return result
          }
          compare(world, "a single operation", step, "done", expected)
          const fault = model.fault(parent, world.health.isPoisoned ? model.floor : model.told)
          if (fault !== undefined) world.breach(fault)
          state = model.begin(parent)
          model.close(state, made)
          return result
        })
    }
    return Effect.map(perhapsInterrupted(world, Steps.onVolume(marking, step), 0.1), (exit) => {
      const answer = answerOf(exit)
      if (Exit.isFailure(exit) && answer !== undefined) {
        world.count(`error ${show(answer)}`)
        tell(world, show(answer))
        if (state !== undefined) state.status = "Failed"
        // A path that cannot be is refused before any state is looked at.
        if (refusal !== undefined) compare(world, "a single operation", step, answer, refusal)
        return
      }
      settle(
        world,
        "single",
        state,
        Exit.map(exit, () => ({ receipt: undefined }))
      )
    })
  })

/** One operation inside a transaction: it is carried out on `made` as well, which is that transaction's model. */
const inside = Effect.fnUntraced(function* (world: World, made: FilesModel, reading: boolean) {
  const step = Steps.choose(world.random, made, world.taste, reading)
  world.count(step.do)
  world.spend()
  tell(world, Steps.format(step))
  const exit = yield* Effect.exit(Steps.onVolume(world.volume, step))
  const answer = answerOf(exit)
  if (answer !== undefined) {
    tell(world, show(answer))
    if (Exit.isFailure(exit)) world.count(`error ${show(answer)}`)
    compare(world, "in a transaction", step, answer, Steps.tried(made, step))
    return
  }
  // What failed otherwise has changed nothing; the transaction gives up, or goes on without it.
  if (Exit.isFailure(exit)) {
    if (Cause.hasInterrupts(exit.cause) || world.random.chance(0.5)) return yield* Effect.failCause(exit.cause)
    tagOf(world, "an operation in a transaction", exit.cause)
    world.count("went on after a failure")
  }
})

/** Several operations, and savepoints among them; answers the model after them. */
const several = (world: World, before: FilesModel, depth: number): Effect.Effect<FilesModel, Failure> =>
  Effect.gen(function* () {
    let made = before
    const count = 1 + world.random.below(5)
    for (let number = 0; number < count; number++) {
      const part = eventIn(world, `${world.event}.${number}`)
      if (part === undefined) continue
      const { random } = part
      if (random.chance(0.2)) yield* world.machine.turns(10)
      if (random.chance(0.02)) yield* Effect.sleep(random.below(1500))
      if (depth < 3 && random.chance(0.15)) {
        world.count("savepoint")
        tell(part, "savepoint")
        const point = Model.fork(made)
        let isFinished = false
        const inner = Effect.tap(several(part, point, depth + 1), () => Effect.sync(() => void (isFinished = true)))
        const exit = yield* perhapsInterrupted(part, world.volume.transaction(inner), 0.1)
        if (Exit.isSuccess(exit)) made = exit.value
        else {
          const tag = tagOf(world, "a savepoint", exit.cause)
          world.count(`savepoint ${tag}`)
          tell(part, tag)
          // An interruption at the very end comes too late or does not: nobody knows.
          if (tag === "Interrupted" && isFinished) return yield* Effect.fail(ABORT)
          if (tag !== "Abort" && tag !== "Interrupted" && random.chance(0.5)) return yield* Effect.failCause(exit.cause)
        }
      } else yield* inside(part, made, random.chance(0.25))
    }
    if (world.script.happens(`${world.event}~`, world.random.chance(depth === 0 ? 0.1 : 0.3)))
      return yield* world.random.chance(0.8) ? Effect.fail(ABORT) : Effect.die(ABORT)
    return made
  })

const transaction = (world: World): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { model, random, volume } = world
    tell(world, "transaction")
    let state: State | undefined
    const mark = Effect.suspend(() =>
      state === undefined ? Effect.void : Files.setAttribute(volume, "/", Model.MARK, Model.markBytes(state.mark))
    )
    const body = Effect.gen(function* () {
      const parent = stateIn(world, yield* volume.read((pages, roots) => markIn(pages, roots.names)), floorOf(world))
      state = model.begin(parent)
      const early = random.chance(0.5)
      if (early) yield* mark
      const made = yield* several(world, Model.fork(Model.modelOf(parent)), 0)
      if (!early || random.chance(0.2)) yield* mark
      model.close(state, made)
    })
    return Effect.map(perhapsInterrupted(world, volume.commit(body), 0.15), (exit) =>
      settle(world, "transaction", state, exit)
    )
  })

// ---- reading

/** One read on its own. It tells by the mark which state it has seen. */
const look = (world: World): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { model, volume } = world
    const floor = floorOf(world)
    const durable = model.floor
    const step = Steps.choose(world.random, Model.modelOf(model.told), world.taste, true)
    world.count(step.do)
    world.spend()
    tell(world, Steps.format(step))
    let seen: number | undefined
    const noting: Service = {
      ...volume,
      read: (f) =>
        volume.read((pages, roots) => {
          const mark = markIn(pages, roots.names)
          const result = f(pages, roots)
          seen = mark
          return result
        })
    }
    return Effect.map(perhapsInterrupted(world, Steps.onVolume(noting, step), 0.05), (exit) => {
      const answer = answerOf(exit)
      if (answer === undefined) {
        if (Exit.isFailure(exit)) tagOf(world, "a read", exit.cause)
        return
      }
      if (seen === undefined) return
      const state = stateIn(world, seen, world.health.isPoisoned ? durable : floor)
      compare(world, `a read of state ${seen}`, step, answer, Steps.tried(Model.modelOf(state), step))
      // Without an interval only what is durable is seen.
      if (!world.isInterval) model.floor = model.later(state, model.floor)
    })
  })

/** A view that is held open while others write: it goes on seeing the same state. */
const view = (world: World): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { model, random, volume, watch } = world
    const floor = floorOf(world)
    const durable = model.floor
    world.count("view")
    tell(world, "view")
    let unpin = (): void => undefined
    const body = Effect.gen(function* () {
      const { mark, names } = yield* volume.read((pages, roots) => {
        unpin()
        unpin = watch.pin(roots.names)
        return { mark: markIn(pages, roots.names), names: roots.names }
      })
      const state = stateIn(world, mark, world.health.isPoisoned ? durable : floor)
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

const sync = (world: World): Effect.Effect<void> =>
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

const statistics = (world: World): Effect.Effect<void> =>
  Effect.map(world.volume.statistics, ({ allocatable, free, generation, size }) => {
    world.count("statistics")
    tell(world, "statistics")
    world.spend()
    if (allocatable > free || free > size) world.breach("the statistics make no sense")
    if (generation > world.watch.durable) world.breach(`I2: root ${generation} counts as durable, and is not`)
  })

// ---- the fiber

const action = (world: World): Effect.Effect<void> => {
  const at = world.random.below(100)
  if (at < 36) return single(world)
  if (at < 62) return transaction(world)
  if (at < 78) return look(world)
  if (at < 86) return view(world)
  if (at < 91) return sync(world)
  if (at < 95) return hold(world)
  return at < 97 ? statistics(world) : check(world, world.random.chance(0.3))
}

/** Does random things as long as the budget of the machine lasts. */
export const work = (machine: World, fiber: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    const above = `${machine.event}.${fiber}`
    let after = 3
    for (let number = 0; after > 0 && machine.script.goesOn(above, number, !machine.isSpent()); number++) {
      const world = eventIn(machine, `${above}.${number}`)
      if (world === undefined) continue
      yield* world.machine.turns(6)
      if (world.random.chance(world.isInterval ? 0.08 : 0.02)) yield* Effect.sleep(world.random.below(800))
      yield* action(world)
      // Of a poisoned volume some reads are tried, and refusals.
      if (world.health.isPoisoned) after--
    }
  })
