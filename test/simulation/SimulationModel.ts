/**
 * Every state that the volume has ever been in, as a tree of states: what each transaction made of the one before it. A state is
 * a tree of files, and snapshots with the trees that they keep.
 *
 * - Each transaction sets an extended attribute of the root folder (its mark) to its number, together with all else that it does. So any root
 *   that anybody gets to see, in a view, after a crash, says by itself which state it must be equal to; and the mark that a
 *   writer finds says which transaction came right before its own.
 * - A snapshot that is taken outside of a transaction sets no mark: it adds itself to those of the state that it is taken of. Its
 *   id tells who has taken it, and the first to see it finds out of which state.
 * - A state is kept as a model that nobody changes any more.
 */
import { FilesModel, FOLDER, type Kept, type ModelNode, type ModelTables } from "../core/FilesModel.ts"
import * as CrashState from "./CrashState.ts"

/** The attribute of the root folder that holds the mark. */
export const MARK = "user.mark"

/**
 * `Open`: it is running. `Closed`: all of it was done, and nothing is known of its commit. `Acknowledged`. `Failed`: it was told
 * that nothing of it was kept.
 */
type Status = "Open" | "Closed" | "Acknowledged" | "Failed"

export interface State {
  mark: number
  parent: State | undefined
  depth: number
  status: Status
  /** Missing as long as it is open, or nobody has seen it that was made by a snapshot outside of a transaction. */
  model: FilesModel | undefined
  /** Whether a snapshot was taken of it: then it is durable as soon as it is acknowledged. */
  isKept: boolean
}

/** What tells a state, where one is found: its mark, and its snapshots from the oldest on. */
export interface Seen {
  readonly mark: number
  readonly kept: ReadonlyArray<{ readonly name: string; readonly id: string }>
}

/** The bytes of a mark. */
export const markBytes = (mark: number): Uint8Array =>
  new Uint8Array([mark, mark >>> 8, mark >>> 16, mark >>> 24].map((byte) => byte & 255))

export const markOf = (bytes: Uint8Array): number => bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24)

export const setMark = (model: FilesModel, mark: number): void => {
  model.state.root.attributes.set(MARK, markBytes(mark))
}

export const hasMark = (model: FilesModel, mark: number): boolean => {
  const bytes = model.state.root.attributes.get(MARK)
  return bytes !== undefined && markOf(bytes) === mark
}

const copyTables = (tables: ModelTables): ModelTables =>
  new Map([...tables].map(([name, entries]) => [name, new Map(entries)] as const))

/** Files and tables of their own; contents are shared, since nobody changes them in place. */
export const copyOf = ({ root, tables }: Kept): Kept => {
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
  return { root: copy(root), tables: copyTables(tables) }
}

/** A model of its own; what snapshots keep is shared, and so are the files without a name. */
export const fork = ({ nameBytesMax, state }: FilesModel): FilesModel => {
  const made = new FilesModel(nameBytesMax)
  made.state = { ...state, ...copyOf(state), open: new Map(state.open), snapshots: new Map(state.snapshots) }
  return made
}

/** The state of a model together with a snapshot of it. */
const keeping = ({ nameBytesMax, state }: FilesModel, name: string): FilesModel => {
  const made = new FilesModel(nameBytesMax)
  made.state = { ...state, snapshots: new Map(state.snapshots).set(name, { root: state.root, tables: state.tables }) }
  return made
}

const namesOf = (model: FilesModel): ReadonlyArray<string> => [...model.state.snapshots.keys()]

/** The names of its snapshots, oldest first. */
export const listOf = (model: FilesModel): string => namesOf(model).join(" ")

export class SimulationModel {
  readonly #report: (breach: string) => void
  readonly #states: Array<State> = []
  /** By id: the states that snapshots outside of transactions have made, or will have. */
  readonly #taken = new Map<string, State>()
  /** The newest state that nobody may take back: acknowledged, or seen where only durable states are seen. */
  floor: State
  /** The newest state that a caller was told of, durable or not. */
  told: State

  constructor(first: FilesModel, report: (breach: string) => void) {
    this.#report = report
    setMark(first, 0)
    this.floor = { mark: 0, parent: undefined, depth: 0, status: "Acknowledged", model: first, isKept: false }
    this.told = this.floor
    this.#states.push(this.floor)
  }

  get count(): number {
    return this.#states.length
  }

  /** The state of a mark that was found: as its transaction left it. */
  marked(mark: number): State {
    const state = this.#states[mark]
    if (state === undefined) throw new Error(`I1: the volume holds the mark ${mark}, which nobody has written`)
    return state
  }

  /** The state that was found. */
  at({ kept, mark }: Seen): State {
    let state = this.marked(mark)
    if (state.model === undefined) return state
    const names = namesOf(state.model)
    if (names.some((name, i) => kept[i]?.name !== name)) {
      const found = kept.map(({ name }) => name).join(" ")
      this.#report(`I1: state ${mark} has the snapshots ${names.join(" ")}, and was found with ${found}`)
      return state
    }
    for (const { id, name } of kept.slice(names.length)) state = this.#placed(state, id, name)
    return state
  }

  /** The state that a snapshot made of the one before it. */
  #placed(parent: State, id: string, name: string): State {
    const state = this.#taken.get(id)
    if (state === undefined) {
      this.#report(`I1: state ${parent.mark} has a snapshot ${name}, which nobody has taken of it`)
      return parent
    }
    if (state.model === undefined) {
      state.mark = parent.mark
      state.parent = parent
      state.depth = parent.depth + 1
      state.model = keeping(modelOf(parent), name)
    } else if (state.parent !== parent) {
      this.#report(`I1: the snapshot ${name} of state ${state.mark} was found beside state ${parent.mark}`)
    }
    return state
  }

  /** A snapshot is about to be taken, of whatever state there will be. */
  take(id: string): State {
    const state: State = { mark: -1, parent: undefined, depth: 0, status: "Closed", model: undefined, isKept: true }
    this.#taken.set(id, state)
    return state
  }

  /** A transaction begins on what it finds. */
  begin(parent: State): State {
    const mark = this.#states.length
    const state: State = { mark, parent, depth: parent.depth + 1, status: "Open", model: undefined, isKept: false }
    this.#states.push(state)
    return state
  }

  /** All that the transaction does is done. */
  close(state: State, model: FilesModel): void {
    setMark(model, state.mark)
    const { wanted } = model.state
    state.status = "Closed"
    state.isKept = wanted !== undefined
    state.model = wanted === undefined ? model : keeping(model, wanted)
    state.model.state.wanted = undefined
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
export const textOf = (state: State): string => CrashState.ofModel(modelOf(state).state)

/** The same of its files alone, as a snapshot of it shows them. */
export const filesTextOf = (state: State): string => CrashState.ofKept(modelOf(state).state)

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
