/**
 * What the crash tests do to a volume: steps as values, carried out on a volume and on the model of files.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Attributes from "../../src/core/Attributes.ts"
import * as Content from "../../src/core/Content.ts"
import * as FileError from "../../src/core/FileError.ts"
import * as Files from "../../src/core/Files.ts"
import * as Inode from "../../src/core/Inode.ts"
import type { RootsDraft } from "../../src/core/Inodes.ts"
import * as Names from "../../src/core/Names.ts"
import * as Path from "../../src/core/Path.ts"
import type { Volume } from "../../src/shell/Volume.ts"
import type { VolumeError } from "../../src/shell/VolumeError.ts"
import { type FilesModel, type ModelNode, Refusal } from "../core/FilesModel.ts"
import { TIME } from "./CrashVolume.ts"

export type Step =
  | { readonly do: "create"; readonly path: string; readonly size: number }
  | { readonly do: "write"; readonly path: string; readonly offset: number; readonly size: number }
  | { readonly do: "append"; readonly path: string; readonly size: number }
  | { readonly do: "truncate"; readonly path: string; readonly size: number }
  | { readonly do: "punch"; readonly path: string; readonly offset: number; readonly size: number }
  | { readonly do: "mkdir"; readonly path: string }
  | { readonly do: "symlink"; readonly path: string; readonly target: string }
  | { readonly do: "unlink"; readonly path: string }
  | { readonly do: "rmdir"; readonly path: string }
  | { readonly do: "rename"; readonly path: string; readonly to: string }
  | { readonly do: "link"; readonly path: string; readonly to: string }
  | { readonly do: "mode"; readonly path: string; readonly mode: number }
  | { readonly do: "attribute"; readonly path: string; readonly name: string; readonly size: number }
  | TableStep
  | KeepingStep

/** What is done with tables: the path is the key. */
type TableStep =
  | { readonly do: "set"; readonly table: string; readonly path: string; readonly size: number }
  | { readonly do: "unset"; readonly table: string; readonly path: string }
  | { readonly do: "clear" | "drop table"; readonly table: string }

const isOfTable = (step: Step): step is TableStep => "table" in step

/** What is done with snapshots. Taking one is the last step of its transaction. */
type KeepingStep = { readonly do: "snapshot" | "drop" | "back"; readonly path: string }

type FileStep = Exclude<Step, KeepingStep | TableStep>

const isKeeping = (step: Step): step is KeepingStep =>
  step.do === "snapshot" || step.do === "drop" || step.do === "back"

export const format = (step: Step): string =>
  Object.values(step)
    .map((value) => String(value))
    .join(" ")

/** The same bytes for the same count, whatever they are for: so pages of different transactions are alike. */
export const content = (size: number): Uint8Array => {
  const bytes = new Uint8Array(size)
  for (let i = 0; i < size; i++) bytes[i] = 1 + ((i * 31 + (i >> 8) * 7) % 255)
  return bytes
}

const NOTHING_OPEN = { has: () => false }
const FILE_MODE = 0o644
const FOLDER_MODE = 0o755

// ---- on a volume

/** Whether the step was done, or the tag of the failure that a caller can expect. */
export type Outcome = string

const get = <A>(result: Result.Result<A, FileError.FileError>): A => Result.getOrThrowWith(result, (error) => error)

/** Carries a step out in a transaction of its own, or in the running one. */
export const onVolume = (volume: Volume["Service"], step: Step): Effect.Effect<Outcome, VolumeError> =>
  isKeeping(step) ? keep(volume, step) : isOfTable(step) ? atTable(volume, step) : editing(volume, step)

const atTable = (volume: Volume["Service"], step: TableStep): Effect.Effect<Outcome, VolumeError> => {
  const table = volume.table(step.table)
  const keyOf = (path: string): Uint8Array => new TextEncoder().encode(path)
  switch (step.do) {
    case "set":
      return Effect.as(table.set(keyOf(step.path), content(step.size)), "done")
    case "unset":
      return Effect.as(table.remove(keyOf(step.path)), "done")
    case "clear":
      return Effect.as(table.clear, "done")
    case "drop table":
      return Effect.as(table.drop, "done")
  }
}

const keep = (
  { snapshots }: Volume["Service"],
  { do: what, path }: KeepingStep
): Effect.Effect<Outcome, VolumeError> => {
  const done =
    what === "snapshot"
      ? snapshots.create(path)
      : what === "drop"
        ? snapshots.remove(path)
        : snapshots.rollback(path, { discardNewer: true })
  return Effect.catch(Effect.as(done, "done"), (error) =>
    error.reason._tag.startsWith("Snapshot") ? Effect.succeed(error.reason._tag) : Effect.fail(error)
  )
}

const editing = (volume: Volume["Service"], step: FileStep): Effect.Effect<Outcome, VolumeError> =>
  Effect.map(
    volume.write((draft) => edit(draft, step)),
    (result) => (Result.isFailure(result) ? result.failure._tag : "done")
  )

const edit = (draft: RootsDraft, step: FileStep): Result.Result<unknown, FileError.FileError> => {
  const { names } = draft.roots
  const pathOf = (text: string): Path.Path => get(Path.parse(draft.layout, text))
  const place = Names.place(draft, names, pathOf(step.path))
  if (Result.isFailure(place)) return place
  const at = place.success
  const make = (type: Inode.Type, mode: number, bytes: Uint8Array) =>
    Files.create(draft, at, { type, mode, uid: 0, gid: 0, content: bytes }, TIME)
  switch (step.do) {
    case "create":
      return make(Inode.FILE, FILE_MODE, content(step.size))
    case "mkdir":
      return make(Inode.FOLDER, FOLDER_MODE, new Uint8Array(0))
    case "symlink":
      return make(Inode.SYMBOLIC_LINK, FILE_MODE, get(Path.linkTarget(step.target)))
    case "unlink":
      return Files.unlink(draft, at, TIME, NOTHING_OPEN)
    case "rmdir":
      return Files.removeFolder(draft, at, TIME, NOTHING_OPEN)
    case "rename": {
      const to = Names.place(draft, names, pathOf(step.to))
      return Result.isFailure(to) ? to : Files.rename(draft, at, to.success, TIME, NOTHING_OPEN)
    }
    default:
  }
  if (at.entry === undefined) return FileError.notFound(FileError.NO_NAME)
  const { number } = at.entry
  switch (step.do) {
    case "link": {
      const to = Names.place(draft, names, pathOf(step.to))
      return Result.isFailure(to) ? to : Files.link(draft, number, to.success, TIME)
    }
    case "write":
      return Content.write(draft, number, step.offset, content(step.size), TIME)
    case "append":
      return Content.append(draft, number, content(step.size), TIME)
    case "truncate":
      return Content.truncate(draft, number, step.size, TIME)
    case "punch":
      return Content.punch(draft, number, step.offset, step.size, TIME)
    case "mode":
      return Attributes.change(draft, number, { mode: step.mode }, TIME)
    case "attribute":
      return Attributes.set(draft, number, new TextEncoder().encode(step.name), content(step.size), "Either", TIME)
  }
}

// ---- on the model

export const onModel = (model: FilesModel, step: Step): Outcome => {
  try {
    if (isKeeping(step)) keepInModel(model, step)
    else if (isOfTable(step)) changeTables(model, step)
    else applyToModel(model, step)
    return "done"
  } catch (refusal) {
    if (refusal instanceof Refusal) return refusal.tag
    throw refusal
  }
}

const changeTables = ({ state: { tables } }: FilesModel, step: TableStep): void => {
  const entries = tables.get(step.table)
  switch (step.do) {
    case "set":
      tables.set(step.table, (entries ?? new Map<string, Uint8Array>()).set(step.path, content(step.size)))
      break
    case "unset":
      entries?.delete(step.path)
      break
    case "clear":
      entries?.clear()
      break
    case "drop table":
      tables.delete(step.table)
      break
  }
}

const keepInModel = ({ state }: FilesModel, { do: what, path }: KeepingStep): void => {
  const { root, snapshots, tables } = state
  const found = snapshots.get(path)
  if (what === "snapshot") {
    if (found !== undefined) throw new Refusal("SnapshotExists")
    snapshots.set(path, structuredClone({ root, tables }))
    return
  }
  if (found === undefined) throw new Refusal("SnapshotNotFound")
  if (what === "drop") {
    snapshots.delete(path)
    return
  }
  const then = structuredClone(found)
  state.root = then.root
  state.tables = then.tables
  const names = [...snapshots.keys()]
  for (const newer of names.slice(names.indexOf(path) + 1)) snapshots.delete(newer)
}

const applyToModel = (model: FilesModel, step: FileStep): void => {
  const file = (): ModelNode => model.file(model.resolve(step.path, false))
  const setContent = (change: (before: Uint8Array) => Uint8Array): void => {
    const node = file()
    model.setContent(node, change(node.content), TIME)
  }
  const put = (before: Uint8Array, offset: number, bytes: Uint8Array): Uint8Array => {
    const after = new Uint8Array(Math.max(before.length, bytes.length === 0 ? 0 : offset + bytes.length))
    after.set(before)
    after.set(bytes, offset)
    return after
  }
  switch (step.do) {
    case "create":
      model.create(step.path, 1, FILE_MODE, content(step.size), false, TIME)
      break
    case "mkdir":
      model.create(step.path, 2, FOLDER_MODE, new Uint8Array(0), false, TIME)
      break
    case "symlink":
      model.create(step.path, 3, FILE_MODE, new TextEncoder().encode(step.target), false, TIME)
      break
    case "unlink":
      model.unlink(step.path, TIME)
      break
    case "rmdir":
      model.removeFolder(step.path, TIME)
      break
    case "rename":
      model.rename(step.path, step.to, TIME)
      break
    case "link":
      model.link(step.path, step.to, TIME)
      break
    case "write":
      setContent((before) => put(before, step.offset, content(step.size)))
      break
    case "append":
      setContent((before) => put(before, before.length, content(step.size)))
      break
    case "truncate":
      setContent((before) => put(new Uint8Array(step.size), 0, before.subarray(0, step.size)))
      break
    case "punch":
      setContent((before) => before.slice().fill(0, step.offset, step.offset + step.size))
      break
    case "mode":
      model.resolve(step.path, false).mode = step.mode
      break
    case "attribute":
      model.resolve(step.path, false).attributes.set(step.name, content(step.size))
      break
  }
}
