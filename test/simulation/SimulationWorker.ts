/**
 * A fiber of the simulation: it does random things to the volume beside others.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Deadlists from "../../src/core/Deadlists.ts"
import * as CoreSnapshots from "../../src/core/Snapshots.ts"
import { hold } from "./SimulationHandle.ts"
import * as Model from "./SimulationModel.ts"
import { check, look, statistics, sync, view } from "./SimulationReader.ts"
import * as Snapshots from "./SimulationSnapshots.ts"
import { single, transaction } from "./SimulationWriter.ts"
import { eventIn, tagOf, type World } from "./SimulationWorld.ts"

const action = (world: World): Effect.Effect<void> => {
  const at = world.random.below(110)
  if (at < 36) return single(world)
  if (at < 62) return transaction(world)
  if (at < 78) return look(world)
  if (at < 86) return view(world)
  if (at < 91) return sync(world)
  if (at < 95) return hold(world)
  if (at < 97) return statistics(world)
  if (at < 100) return check(world, world.random.chance(0.3))
  return at < 105 ? Snapshots.take(world) : Snapshots.look(world)
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

/**
 * Removes all snapshots in a random order, outside of any transaction; then nothing is left of them. However full the volume is,
 * that is never refused (I16).
 */
export const removeAll = (world: World): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { model, random, volume } = world
    const names = [...Model.modelOf(model.told).state.snapshots.keys()]
    while (names.length > 0) {
      const [name] = names.splice(random.below(names.length), 1)
      const exit = yield* Effect.exit(volume.snapshots.remove(name))
      if (Exit.isFailure(exit)) {
        const tag = tagOf(world, "removing a snapshot", exit.cause)
        return world.breach(`I16: the snapshot ${name} cannot be removed: ${tag}`)
      }
      world.count("remove at the end")
      yield* check(world, true)
    }
    const left = yield* Effect.exit(
      volume.read((pages, { deadlists, snapshots }) => ({
        listed: Deadlists.all(pages, deadlists),
        kept: CoreSnapshots.list(pages, snapshots, 0, 1)
      }))
    )
    if (Exit.isFailure(left)) return void tagOf(world, "a read", left.cause)
    const { kept, listed } = left.value
    if (kept.length > 0) world.breach("a snapshot was removed, and is there")
    if (listed.length > 0) world.breach(`I8: pages ${listed.join("-")} are on a deadlist, and there is no snapshot`)
  })
