/**
 * Scripted workloads: steps that change a volume, and what each makes of a model of it.
 */
import * as Effect from "effect/Effect"
import * as Files from "../../src/shell/Files.ts"
import type { VolumeError } from "../../src/shell/VolumeError.ts"
import { pattern } from "../format/Scribe.ts"
import { latin1, type Service, type Tree } from "./FaultVolume.ts"

/** What a volume holds, by path. */
export type Model = Tree

export interface Step {
  readonly name: string
  /** Whether it commits more than once: what it has done for the caller may be durable though it goes on and fails. */
  readonly isRemoval: boolean
  readonly run: (volume: Service) => Effect.Effect<void, VolumeError>
  readonly apply: (model: Model) => Model
}

const step = (
  name: string,
  run: Step["run"],
  change: (model: Map<string, string>) => void,
  isRemoval = false
): Step => ({
  name,
  isRemoval,
  run,
  apply: (model) => {
    const changed = new Map(model)
    change(changed)
    return changed
  }
})

const FOLDER = "folder"
const contentOf = (model: Model, path: string): string => model.get(path) ?? "file:"

export const folder = (path: string): Step =>
  step(
    `folder ${path}`,
    (volume) => Files.makeFolder(volume, path),
    (model) => model.set(path, FOLDER)
  )

export const write = (path: string, length: number, seed: number): Step =>
  step(
    `write ${path} ${length}`,
    (volume) => Files.writeFile(volume, path, pattern(length, seed)),
    (model) => model.set(path, `file:${latin1(pattern(length, seed))}`)
  )

export const append = (path: string, length: number, seed: number): Step =>
  step(
    `append ${path} ${length}`,
    (volume) => Files.append(volume, path, pattern(length, seed)),
    (model) => model.set(path, contentOf(model, path) + latin1(pattern(length, seed)))
  )

export const remove = (path: string): Step =>
  step(
    `remove ${path}`,
    (volume) => Files.removeTree(volume, path),
    (model) => {
      for (const name of model.keys()) if (name === path || name.startsWith(`${path}/`)) model.delete(name)
    },
    true
  )

/** Of a file; what is there is replaced. */
export const rename = (from: string, to: string): Step =>
  step(
    `rename ${from} ${to}`,
    (volume) => Files.rename(volume, from, to),
    (model) => {
      model.set(to, contentOf(model, from))
      model.delete(from)
    },
    true
  )

/** Steps as one transaction. */
export const together = (...steps: ReadonlyArray<Step>): Step => ({
  name: `together ${steps.map(({ name }) => name).join(", ")}`,
  isRemoval: false,
  run: (volume) => volume.transaction(Effect.forEach(steps, (one) => one.run(volume), { discard: true })),
  apply: (model) => steps.reduce((changed, one) => one.apply(changed), model)
})

/** All files and folders of a volume. */
export const readModel = Effect.fnUntraced(function* (volume: Service) {
  const model = new Map<string, string>()
  for (const { path, type } of yield* Files.walk(volume, "/")) {
    const name = `/${path}`
    model.set(name, type === "Folder" ? FOLDER : `file:${latin1(yield* Files.readFile(volume, name))}`)
  }
  return model as Model
})
