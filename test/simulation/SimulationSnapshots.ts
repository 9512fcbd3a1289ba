/**
 * What a fiber of the simulation does with snapshots outside of transactions: takes them, lists them, reads them.
 *
 * - A snapshot is of the state whose mark it shows, and shows all of that, as long as somebody has it open: whoever removes it
 *   or goes back meanwhile.
 * - One that was taken is there at once, and durable, whatever the volume's durability.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Files from "../../src/shell/Files.ts"
import { Identity } from "../../src/shell/Identity.ts"
import * as CrashState from "./CrashState.ts"
import { answerOf, compare, settle } from "./SimulationJudge.ts"
import * as Keeping from "./SimulationKeeping.ts"
import * as Model from "./SimulationModel.ts"
import type { State } from "./SimulationModel.ts"
import * as Steps from "./SimulationSteps.ts"
import { floorOf, markIn, perhapsInterrupted, seenIn, stateIn, tagOf, tell, type World } from "./SimulationWorld.ts"

const ID_BYTES = 16

/** Takes a snapshot of the state as it stands. */
export const take = (world: World): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { machine, model, random, volume } = world
    const told = Model.modelOf(model.told)
    if (told.state.snapshots.size >= world.taste.keptMax) return list(world)
    const name = Keeping.freeName(random, told)
    world.count("take")
    world.spend()
    tell(world, `take ${name.slice(0, 50)}`)
    const id = machine.random.bytes(ID_BYTES)
    const state = model.take(Buffer.from(id).toString("hex"))
    const taking = Effect.flatMap(Identity, (identity) =>
      Effect.provideService(Keeping.refused(volume.snapshots.create(name)), Identity, { ...identity, next: () => id })
    )
    return Effect.flatMap(perhapsInterrupted(world, taking, 0.1), (exit) => {
      if (Exit.isSuccess(exit) && exit.value !== undefined) {
        const refusal = exit.value
        world.count(`take ${refusal.split(" ")[0]}`)
        tell(world, refusal)
        state.status = "Failed"
        if (refusal.endsWith("pending")) world.breach(`a snapshot outside of a transaction: ${refusal}`)
        return Effect.void
      }
      const told = Effect.sync(() => {
        // If nobody can read it now, the first to see it will know.
        if (Exit.isSuccess(exit) && state.model === undefined) state.status = "Acknowledged"
        else
          settle(
            world,
            "take",
            state,
            Exit.map(exit, () => ({ receipt: undefined }))
          )
      })
      return Exit.isSuccess(exit) && state.model === undefined ? Effect.andThen(find(world, state), told) : told
    })
  })

/** Finds out of which state a snapshot was taken, if nobody has seen it yet. */
const find = (world: World, state: State): Effect.Effect<void> =>
  Effect.suspend(() => {
    const floor = floorOf(world)
    const durable = world.model.floor
    return Effect.map(Effect.exit(world.volume.read((pages, roots) => seenIn(pages, roots))), (exit) => {
      if (Exit.isFailure(exit)) return void tagOf(world, "a read", exit.cause)
      stateIn(world, exit.value, world.health.isPoisoned ? durable : floor)
      if (state.model === undefined) world.breach("I2: a snapshot was taken, and is not there")
    })
  })

/** Lists the snapshots of a state. */
const list = (world: World): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { model, volume } = world
    world.count("list snapshots")
    world.spend()
    tell(world, "list snapshots")
    const floor = floorOf(world)
    const durable = model.floor
    const listed = Effect.gen(function* () {
      const seen = yield* volume.read((pages, roots) => seenIn(pages, roots))
      const names = Keeping.namesOf(yield* volume.snapshots.list)
      return { seen, names }
    })
    return Effect.map(perhapsInterrupted(world, volume.view(listed), 0.05), (exit) => {
      if (Exit.isFailure(exit)) return void tagOf(world, "a list", exit.cause)
      const { names, seen } = exit.value
      const state = stateIn(world, seen, world.health.isPoisoned ? durable : floor)
      const expected = Model.listOf(Model.modelOf(state))
      if (names !== expected)
        world.breach(`a list of snapshots of state ${state.mark} is ${names}, and not ${expected}`)
    })
  })

/** Opens a snapshot and reads it now and then, while others go on, remove it and go back. */
export const hold = (world: World): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { machine, model, random, volume, watch } = world
    const name = Keeping.takenName(random, Model.modelOf(model.told))
    world.count("open snapshot")
    world.spend()
    tell(world, `open snapshot ${name.slice(0, 50)}`)
    let unpin = (): void => undefined
    const body = Effect.gen(function* () {
      const snapshot = yield* Keeping.refused(volume.snapshots.open(name))
      if (typeof snapshot === "string") {
        world.count(`open snapshot ${snapshot.split(" ")[0]}`)
        return
      }
      const mark = yield* snapshot.read((pages, { names }) => {
        unpin()
        unpin = watch.pin(names)
        return markIn(pages, names)
      })
      const state = model.marked(mark)
      for (let count = random.below(5); count > 0; count--) {
        yield* machine.turns(80)
        if (random.chance(0.1)) yield* Effect.sleep(random.below(2000))
        const step = Steps.choose(random, Model.modelOf(state), world.taste, true)
        world.count(step.do)
        world.spend()
        tell(world, Steps.format(step))
        const exit = yield* Effect.exit(Steps.onVolume(snapshot, step))
        const answer = answerOf(exit)
        if (answer !== undefined) compare(world, "in a snapshot", step, answer, Steps.tried(Model.modelOf(state), step))
        else if (Exit.isFailure(exit)) return yield* Effect.failCause(exit.cause)
      }
      const text = yield* snapshot.read((pages, roots) => CrashState.ofVolume(pages, roots, true))
      const expected = Model.filesTextOf(state)
      if (text !== expected) {
        world.breach(`the snapshot ${name} is not state ${state.mark}:\n${CrashState.difference(text, expected)}`)
      }
      if (!Model.modelOf(model.told).state.snapshots.has(name)) world.count("read a snapshot that is gone")
      if (random.chance(0.1)) {
        const exit = yield* Effect.exit(Files.create(snapshot, "/in-a-snapshot"))
        if (Exit.isSuccess(exit)) world.breach("a snapshot was written to")
      }
    })
    const released = Effect.ensuring(
      Effect.scoped(body),
      Effect.sync(() => unpin())
    )
    return Effect.map(perhapsInterrupted(world, released, 0.1), (exit) =>
      world.count(`open snapshot ${Exit.isSuccess(exit) ? "done" : tagOf(world, "a snapshot", exit.cause)}`)
    )
  })

/** Reads a snapshot, or lists all. */
export const look = (world: World): Effect.Effect<void> =>
  Effect.suspend(() => (world.random.chance(0.75) ? hold(world) : list(world)))
