/**
 * Files that are held open while others write to them, move them and remove them.
 *
 * An inode has the same number in the volume and in the model. What a handle reads is what the inode held in the state that
 * is seen; or, if no name is left, what it held last.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Files from "../../src/shell/Files.ts"
import type { ModelNode } from "../core/FilesModel.ts"
import * as Model from "./SimulationModel.ts"
import type { State } from "./SimulationModel.ts"
import { perhapsInterrupted, seenIn, tagOf, tell, type World } from "./SimulationWorld.ts"
import * as SimulationService from "./SimulationService.ts"

const nodeIn = (state: State, number: number): ModelNode | undefined => {
  const model = Model.modelOf(state)
  for (const folder of model.folders()) {
    for (const node of folder.entries.values()) if (node.number === number) return node
  }
  return undefined
}

/** The content of an inode in a state, with a name or without. */
const contentIn = (state: State, number: number): Uint8Array | undefined =>
  (nodeIn(state, number) ?? Model.modelOf(state).state.open.get(number)?.node)?.content

/** Opens a file, reads from it now and then, and closes it. */
export const hold = (world: World): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { model, random, volume } = world
    const { files } = Model.pathsOf(Model.modelOf(model.told))
    if (files.length === 0) return Effect.void
    const path = files[random.below(files.length)]
    world.count("open")
    world.spend()
    tell(world, `open ${path}`)
    let seen: Model.Seen = { mark: 0, kept: [] }
    const noting = SimulationService.make(volume, {
      read: (f) =>
        volume.read((pages, roots) => {
          const found = seenIn(pages, roots)
          const result = f(pages, roots)
          seen = found
          return result
        })
    })
    const body = Effect.gen(function* () {
      const file = yield* Files.open(noting, path)
      for (let count = random.below(5); count > 0; count--) {
        yield* world.machine.turns(100)
        const offset = random.below(2) * random.below(2 * world.taste.pageBytes)
        const target = new Uint8Array(random.below(8 * world.taste.pageBytes))
        const read = yield* file.read(offset, target)
        const state = model.at(seen)
        const content = contentIn(state, file.number)
        if (content === undefined) world.breach(`an open file has number ${file.number}, which no state has`)
        else if (Buffer.compare(content.subarray(offset, offset + target.length), target.subarray(0, read)) !== 0) {
          const isUnlinked = nodeIn(state, file.number) === undefined
          world.breach(`an open file (${isUnlinked ? "without a name" : path}) reads wrongly in state ${seen.mark}`)
        }
        if (nodeIn(state, file.number) === undefined) world.count("read without a name")
      }
    })
    return Effect.map(perhapsInterrupted(world, Effect.scoped(body), 0.2), (exit) =>
      world.count(`open ${Exit.isSuccess(exit) ? "done" : tagOf(world, "an open file", exit.cause)}`)
    )
  })
