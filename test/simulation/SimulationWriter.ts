/**
 * What a fiber of the simulation changes: by single operations, and by transactions with savepoints.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Attributes from "../../src/core/Attributes.ts"
import * as Files from "../../src/shell/Files.ts"
import type { VolumeError } from "../../src/shell/VolumeError.ts"
import type { FilesModel } from "../core/FilesModel.ts"
import { answerOf, compare, settle, show } from "./SimulationJudge.ts"
import * as Keeping from "./SimulationKeeping.ts"
import * as Model from "./SimulationModel.ts"
import type { State } from "./SimulationModel.ts"
import * as Snapshots from "./SimulationSnapshots.ts"
import * as Steps from "./SimulationSteps.ts"
import * as SimulationService from "./SimulationService.ts"
import {
  ABORT,
  type Abort,
  eventIn,
  floorOf,
  perhapsInterrupted,
  seenIn,
  stateIn,
  tagOf,
  tell,
  type World
} from "./SimulationWorld.ts"

type Failure = VolumeError | Abort

const markName = new TextEncoder().encode(Model.MARK)
const ROOT = 1

/** One operation as the shipped `Files` does it, which sets the mark as well. */
export const single = (world: World): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { model, volume } = world
    const step = Steps.choose(world.random, Model.modelOf(model.told), world.taste, false)
    if (step.do === "makeParents") return Effect.void
    world.count(step.do)
    world.spend()
    tell(world, Steps.format(step))
    let state: State | undefined
    let refusal: Steps.Answer | undefined
    const marking = SimulationService.make(volume, {
      write: (f) =>
        volume.write((draft) => {
          // What comes after the operation itself frees what it has left.
          if (state !== undefined) return f(draft)
          const parent = model.at(seenIn(draft, draft.roots))
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
    })
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
  if (Exit.isFailure(exit)) yield* perhapsGoOn(world, exit.cause)
})

/** What failed without a word of the model has changed nothing; the transaction gives up, or goes on without it. */
const perhapsGoOn = (world: World, cause: Cause.Cause<VolumeError>): Effect.Effect<void, VolumeError> => {
  if (Cause.hasInterrupts(cause) || world.random.chance(0.5)) return Effect.failCause(cause)
  tagOf(world, "an operation in a transaction", cause)
  world.count("went on after a failure")
  return Effect.void
}

/** The same for what is done with snapshots. */
const keeping = Effect.fnUntraced(function* (world: World, made: FilesModel) {
  const step = Keeping.choose(world.random, made, world.taste.keptMax)
  world.count(`in a transaction: ${step.do}`)
  world.spend()
  tell(world, Keeping.format(step))
  const exit = yield* Effect.exit(Keeping.onVolume(world.volume, step))
  if (Exit.isFailure(exit)) return yield* perhapsGoOn(world, exit.cause)
  const answer = exit.value
  tell(world, answer)
  const expected = Keeping.onModel(made, step)
  if (answer !== expected) {
    world.breach(`in a transaction: ${Keeping.format(step)} came to ${answer}, but the model says ${expected}`)
  }
  if (answer === "done") world.done.add(step.do.startsWith("back") ? "a rollback" : step.do)
  world.count(`in a transaction: ${step.do} ${step.do === "list" ? "done" : answer.split(" ")[0]}`)
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
        const inside = { ...part, done: new Set<string>() }
        const inner = Effect.tap(several(inside, point, depth + 1), () => Effect.sync(() => void (isFinished = true)))
        const exit = yield* perhapsInterrupted(part, world.volume.transaction(inner), 0.1)
        if (Exit.isSuccess(exit)) {
          made = exit.value
          for (const done of inside.done) world.done.add(done)
        } else {
          const tag = tagOf(world, "a savepoint", exit.cause)
          for (const done of inside.done) world.count(`savepoint with ${done}: ${tag}`)
          world.count(`savepoint ${tag}`)
          tell(part, tag)
          // An interruption at the very end comes too late or does not: nobody knows.
          if (tag === "Interrupted" && isFinished) return yield* Effect.fail(ABORT)
          if (tag !== "Abort" && tag !== "Interrupted" && random.chance(0.5)) return yield* Effect.failCause(exit.cause)
        }
      } else if (random.chance(0.15)) yield* keeping(part, made)
      else if (random.chance(0.02)) yield* Snapshots.hold(part)
      else yield* inside(part, made, random.chance(0.25))
    }
    if (world.script.happens(`${world.event}~`, world.random.chance(depth === 0 ? 0.1 : 0.3)))
      return yield* world.random.chance(0.8) ? Effect.fail(ABORT) : Effect.die(ABORT)
    return made
  })

/** A transaction that does several things, and sets its mark. */
export const transaction = (world: World): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { model, random, volume } = world
    tell(world, "transaction")
    let state: State | undefined
    const inside = { ...world, done: new Set<string>() }
    const mark = Effect.suspend(() =>
      state === undefined ? Effect.void : Files.setAttribute(volume, "/", Model.MARK, Model.markBytes(state.mark))
    )
    const body = Effect.gen(function* () {
      const parent = stateIn(world, yield* volume.read((pages, roots) => seenIn(pages, roots)), floorOf(world))
      state = model.begin(parent)
      const before = Model.fork(Model.modelOf(parent))
      if (random.chance(0.5)) {
        yield* mark
        Model.setMark(before, state.mark)
      }
      const made = yield* several(inside, before, 0)
      // Who has gone back has the mark of another state.
      if (!Model.hasMark(made, state.mark) || random.chance(0.2)) yield* mark
      model.close(state, made)
    })
    return Effect.map(perhapsInterrupted(world, volume.commit(body), 0.15), (exit) => {
      const tag = settle(world, "transaction", state, exit)
      for (const done of inside.done) world.count(`transaction with ${done}: ${tag}`)
    })
  })
