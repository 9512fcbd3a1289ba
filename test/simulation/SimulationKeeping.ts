/**
 * What the simulation does with snapshots inside of transactions: operations as values, carried out on the shipped volume and on
 * the model.
 */
import * as Effect from "effect/Effect"
import type { Snapshot, Volume } from "../../src/shell/Volume.ts"
import type { Reason, VolumeError } from "../../src/shell/VolumeError.ts"
import type { Random } from "../../src/testing/Random.ts"
import type { FilesModel } from "../core/FilesModel.ts"
import * as Model from "./SimulationModel.ts"
import { oneOf, weighted } from "./SimulationSteps.ts"

type Service = Volume["Service"]

/** `backOver` goes back and gives up what is newer. */
export interface Keeping {
  readonly do: keyof typeof KINDS
  readonly name: string
}

const KINDS = { take: 6, drop: 4, back: 3, backOver: 3, list: 2 }

const NAMES = ["one", "two", "three", "four", "five", "六", "s".repeat(40)]
const BAD_NAMES = ["", "a/b", "x".repeat(256)]

export const format = ({ do: kind, name }: Keeping): string =>
  kind === "list" ? "list snapshots" : `${kind} ${name.slice(0, 50)}`

// ---- choosing

/** A name that is free, or once in a while one that is not, or can be none. */
export const freeName = (random: Random, model: FilesModel): string => {
  if (random.chance(0.03)) return oneOf(random, BAD_NAMES)
  const free = NAMES.filter((name) => !model.state.snapshots.has(name))
  return oneOf(random, free.length === 0 || random.chance(0.1) ? NAMES : free)
}

/** The name of a snapshot that is there; once in a while it is not. */
export const takenName = (random: Random, { state }: FilesModel): string => {
  if (random.chance(0.03)) return oneOf(random, BAD_NAMES)
  const names = [...state.snapshots.keys()]
  return oneOf(random, names.length === 0 || random.chance(0.1) ? NAMES : names)
}

/** What makes sense on a state that is to keep so many snapshots at most. */
export const choose = (random: Random, model: FilesModel, keptMax: number): Keeping => {
  const isCrowded = model.state.snapshots.size >= keptMax
  const kind = weighted(random, isCrowded ? { ...KINDS, take: 1, drop: 9 } : KINDS)
  return { do: kind, name: kind === "take" ? freeName(random, model) : takenName(random, model) }
}

// ---- on a volume

/** A refusal that a caller has to expect, with all that it says. */
const refusalOf = (reason: Reason): string | undefined => {
  switch (reason._tag) {
    case "SnapshotNotFound":
      return `${reason._tag} ${reason.name}`
    case "SnapshotExists":
      return `${reason._tag} ${reason.name}${reason.isPending ? " pending" : ""}`
    case "NewerSnapshots":
      return `${reason._tag} ${reason.newer.join(" ")}`
    case "InvalidName":
    case "NameTooLong":
      return reason._tag
    default:
      return undefined
  }
}

/** A refusal is an answer too. */
export const refused = <A, R>(effect: Effect.Effect<A, VolumeError, R>): Effect.Effect<A | string, VolumeError, R> =>
  Effect.catch(effect, (error): Effect.Effect<string, VolumeError> => {
    const refusal = refusalOf(error.reason)
    return refusal === undefined ? Effect.fail(error) : Effect.succeed(refusal)
  })

/** The names of a list, or what is wrong with it. */
export const namesOf = (list: ReadonlyArray<Snapshot>): string =>
  list.some(({ generation }, i) => i > 0 && generation <= list[i - 1].generation)
    ? "generations that do not increase"
    : list.map(({ name }) => name).join(" ")

/** Answers what the model answers too. */
export const onVolume = ({ snapshots }: Service, { do: kind, name }: Keeping): Effect.Effect<string, VolumeError> => {
  switch (kind) {
    case "take":
      return refused(Effect.as(snapshots.create(name), "done"))
    case "drop":
      return refused(Effect.as(snapshots.remove(name), "done"))
    case "back":
      return refused(Effect.as(snapshots.rollback(name), "done"))
    case "backOver":
      return refused(Effect.as(snapshots.rollback(name, { discardNewer: true }), "done"))
    case "list":
      return Effect.map(snapshots.list, namesOf)
  }
}

// ---- on the model

const badName = (name: string): string | undefined => {
  if (name === "" || name.includes("/")) return "InvalidName"
  return name.length > 255 ? "NameTooLong" : undefined
}

/** What an operation comes to on the model of a transaction. What is refused has changed nothing. */
export const onModel = (model: FilesModel, { do: kind, name }: Keeping): string => {
  const { state } = model
  const { snapshots, wanted } = state
  if (kind === "list") return Model.listOf(model)
  const bad = badName(name)
  if (bad !== undefined) return bad
  const kept = snapshots.get(name)
  if (kind === "take") {
    if (wanted !== undefined) return `SnapshotExists ${wanted} pending`
    if (kept !== undefined) return `SnapshotExists ${name}`
    state.wanted = name
    return "done"
  }
  if (kept === undefined) return `SnapshotNotFound ${name}`
  if (kind === "drop") {
    snapshots.delete(name)
    return "done"
  }
  const names = [...snapshots.keys()]
  const newer = names.slice(names.indexOf(name) + 1)
  if (kind === "back" && newer.length > 0) return `NewerSnapshots ${newer.join(" ")}`
  for (const one of newer) snapshots.delete(one)
  Object.assign(state, Model.copyOf(kept))
  return "done"
}
