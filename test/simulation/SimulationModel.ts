/**
 * Every state that the volume has ever been in, as a tree of states: what each transaction made of the one before it.
 *
 * - Each transaction sets an extended attribute of the root folder (its mark) to its number, together with all else that it does. So any root
 *   that anybody gets to see, in a view, after a crash, says by itself which state it must be equal to; and the mark that a
 *   writer finds says which transaction came right before its own.
 * - A state is kept as a model that nobody changes any more.
 */
import { FilesModel, FOLDER, type ModelNode, type ModelTables } from "../core/FilesModel.ts"
import * as CrashState from "./CrashState.ts"

/** The attribute of the root folder that holds the mark. */
export const MARK = "user.mark"

/**
 * `Open`: it is running. `Closed`: all of it was done, and nothing is known of its commit. `Acknowledged`. `Failed`: it was told
 * that nothing of it was kept.
 */
type Status = "Open" | "Closed" | "Acknowledged" | "Failed"

export interface State {
  readonly mark: number
  readonly parent: State | undefined
  readonly depth: number
  status: Status
  /** Missing as long as it is open. */
  model: FilesModel | undefined
  text: string | undefined
}

/** The bytes of a mark. */
export const markBytes = (mark: number): Uint8Array =>
  new Uint8Array([mark, mark >>> 8, mark >>> 16, mark >>> 24].map((byte) => byte & 255))

export const markOf = (bytes: Uint8Array): number => bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24)

const setMark = (model: FilesModel, mark: number): void => {
  model.state.root.attributes.set(MARK, markBytes(mark))
}

const copyTables = (tables: ModelTables): ModelTables =>
  new Map([...tables].map(([name, entries]) => [name, new Map(entries)] as const))

/** A model of its own; contents are shared, since nobody changes them in place, and so are the files without a name. */
export const fork = (model: FilesModel): FilesModel => {
  const copies = new Map<ModelNode, ModelNode>()
  const copy = (node: ModelNode): ModelNode => {
    const known = copies.get(node)
    if (known !== undefined) return known
    const entries = new Map<string, ModelNode>()
    const made = { ...node, entries, attributes: node.attributes.size === 0 ? new Map() : new Map(node.attributes) }
    copies.set(node, made)
    for (const [name, child] of node.entries) entries.set(name, copy(child))
    return made
  }
  const made = new FilesModel(model.nameBytesMax)
  const { nextNumber, open, root, snapshots, tables } = model.state
  const kept = [...snapshots].map(
    ([name, then]) => [name, { root: copy(then.root), tables: copyTables(then.tables) }] as const
  )
  made.state = {
    root: copy(root),
    tables: copyTables(tables),
    nextNumber,
    open: new Map(open),
    snapshots: new Map(kept)
  }
  return made
}

export class SimulationModel {
  readonly #states: Array<State> = []
  /** The newest state that nobody may take back: acknowledged, or seen where only durable states are seen. */
  floor: State
  /** The newest state that a caller was told of, durable or not. */
  told: State

  constructor(first: FilesModel) {
    setMark(first, 0)
    this.floor = { mark: 0, parent: undefined, depth: 0, status: "Acknowledged", model: first, text: undefined }
    this.told = this.floor
    this.#states.push(this.floor)
  }

  get count(): number {
    return this.#states.length
  }

  /** The state of a mark that was found. */
  at(mark: number): State {
    const state = this.#states[mark]
    if (state === undefined) throw new Error(`I1: the volume holds the mark ${mark}, which nobody has written`)
    return state
  }

  /** A transaction begins on what it finds. */
  begin(parent: State): State {
    const mark = this.#states.length
    const state: State = { mark, parent, depth: parent.depth + 1, status: "Open", model: undefined, text: undefined }
    this.#states.push(state)
    return state
  }

  /** All that the transaction does is done. */
  close(state: State, model: FilesModel): void {
    setMark(model, state.mark)
    state.status = "Closed"
    state.model = model
  }

  /** What is wrong with finding `state`, if everything up to `floor` must be in it. */
  fault(state: State, floor: State): string | undefined {
    for (let at: State | undefined = state; at !== undefined && at.depth > floor.depth; at = at.parent) {
      if (at.status === "Failed") return `I1: transaction ${at.mark} has failed, and is in state ${state.mark}`
      if (at.status === "Open") return `I1: transaction ${at.mark} is not at its end, and is in state ${state.mark}`
    }
    if (!includes(state, floor)) return `I2: state ${state.mark} was found, but ${floor.mark} is missing in it`
    return undefined
  }

  /** The later of two states of one history. */
  later(state: State, other: State): State {
    return state.depth > other.depth ? state : other
  }
}

/** Whether `state` is `other` or came after it. */
export const includes = (state: State, other: State): boolean => {
  let at: State | undefined = state
  while (at !== undefined && at.depth > other.depth) at = at.parent
  return at === other
}

export const modelOf = (state: State): FilesModel => {
  if (state.model === undefined) throw new Error(`I1: state ${state.mark} was found, and was never complete`)
  return state.model
}

/** The whole state as a text, as {@link CrashState.ofVolume} gives it of a volume. */
export const textOf = (state: State): string => (state.text ??= CrashState.ofModel(modelOf(state).state))

/** All paths of a model, folders apart. */
export const pathsOf = (model: FilesModel): { readonly files: Array<string>; readonly folders: Array<string> } => {
  const files: Array<string> = []
  const folders: Array<string> = [""]
  const walk = (node: ModelNode, path: string): void => {
    for (const [name, child] of node.entries) {
      const childPath = `${path}/${name}`
      if (child.type === FOLDER) folders.push(childPath)
      else files.push(childPath)
      walk(child, childPath)
    }
  }
  walk(model.state.root, "")
  return { files, folders }
}
