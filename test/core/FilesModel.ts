/**
 * What files, folders and links should do: a plain tree in memory, written after POSIX and not after the core.
 *
 * An operation answers a value, or throws the tag of the failure as a {@link Refusal}, before it changed anything.
 */

export type ModelType = 1 | 2 | 3
const FILE: ModelType = 1
export const FOLDER: ModelType = 2
const LINK: ModelType = 3

export interface ModelNode {
  readonly number: number
  readonly type: ModelType
  mode: number
  uid: number
  gid: number
  accessTime: bigint
  modifyTime: bigint
  changeTime: bigint
  readonly birthTime: bigint
  links: number
  content: Uint8Array
  readonly entries: Map<string, ModelNode>
  readonly attributes: Map<string, Uint8Array>
}

export class Refusal {
  readonly tag: string
  constructor(tag: string) {
    this.tag = tag
  }
}

const refuse = (tag: string): never => {
  throw new Refusal(tag)
}

/** Where a path leads: the folders passed, the last name, and what is there. */
interface Way {
  readonly folders: ReadonlyArray<ModelNode>
  readonly folder: ModelNode
  /** Undefined after the root, `.` and `..`. */
  readonly name: string | undefined
  readonly node: ModelNode | undefined
  readonly hasSlash: boolean
}

/** Values by key, by table. */
export type ModelTables = Map<string, Map<string, Uint8Array>>

/** What a snapshot keeps. */
export interface Kept {
  readonly root: ModelNode
  readonly tables: ModelTables
}

interface State {
  root: ModelNode
  tables: ModelTables
  nextNumber: number
  /** Files that are open, and how often. */
  open: Map<number, { readonly node: ModelNode; count: number }>
  /** What was kept of earlier states, by name, oldest first. */
  snapshots: Map<string, Kept>
  /** The snapshot that the running transaction takes of what it commits. */
  wanted: string | undefined
}

const makeNode = (number: number, type: ModelType, mode: number, time: bigint): ModelNode => ({
  number,
  type,
  mode,
  uid: 0,
  gid: 0,
  accessTime: time,
  modifyTime: time,
  changeTime: time,
  birthTime: time,
  links: 1,
  content: new Uint8Array(0),
  entries: new Map(),
  attributes: new Map()
})

const byteCount = (text: string): number => new TextEncoder().encode(text).length

export class FilesModel {
  state: State = {
    root: makeNode(1, FOLDER, 0o755, BigInt(0)),
    tables: new Map(),
    nextNumber: 2,
    open: new Map(),
    snapshots: new Map(),
    wanted: undefined
  }
  readonly nameBytesMax: number

  constructor(nameBytesMax: number) {
    this.nameBytesMax = nameBytesMax
  }

  /** A copy of everything, for a rollback. */
  save(): State {
    return structuredClone(this.state)
  }

  #split(path: string): { readonly parts: Array<string>; readonly hasSlash: boolean } {
    if (path === "") refuse("NotFound")
    if (byteCount(path) > 4096) refuse("PathTooLong")
    const parts = path.split("/").filter((part) => part !== "")
    if (parts.some((part) => byteCount(part) > this.nameBytesMax)) refuse("NameTooLong")
    return { parts, hasSlash: path.endsWith("/") }
  }

  #way(path: string, follow: boolean): Way {
    const first = this.#split(path)
    let { hasSlash } = first
    let parts = first.parts
    let folders = [this.state.root]
    let links = 0
    while (parts.length > 0) {
      const [part, ...rest] = parts
      const folder = folders[folders.length - 1]
      parts = rest
      if (part === ".") continue
      if (part === "..") {
        if (folders.length > 1) folders = folders.slice(0, -1)
        continue
      }
      const node = folder.entries.get(part)
      if (node?.type === LINK && (rest.length > 0 || follow)) {
        links++
        if (links > 40) refuse("TooManySymbolicLinks")
        const text = new TextDecoder().decode(node.content)
        const link = this.#split(text)
        if (text.startsWith("/")) folders = [this.state.root]
        if (rest.length === 0) hasSlash ||= link.hasSlash
        parts = [...link.parts, ...rest]
        continue
      }
      if (rest.length === 0) {
        if (follow && hasSlash && node !== undefined && node.type !== FOLDER) refuse("NotAFolder")
        return { folders, folder, name: part, node, hasSlash }
      }
      if (node === undefined) refuse("NotFound")
      else if (node.type !== FOLDER) refuse("NotAFolder")
      else folders = [...folders, node]
    }
    const folder = folders[folders.length - 1]
    return { folders, folder, name: undefined, node: folder, hasSlash: true }
  }

  resolve(path: string, follow: boolean): ModelNode {
    const { node } = this.#way(path, follow || path.endsWith("/"))
    return node ?? refuse("NotFound")
  }

  create(path: string, type: ModelType, mode: number, content: Uint8Array, follow: boolean, time: bigint): number {
    const way = this.#way(path, follow)
    if (way.node !== undefined || way.name === undefined) return refuse("AlreadyExists")
    if (way.hasSlash && type !== FOLDER) return refuse("NotAFolder")
    const node = makeNode(this.state.nextNumber++, type, mode, time)
    node.content = content
    way.folder.entries.set(way.name, node)
    touch(way.folder, time)
    return node.number
  }

  createIn(folder: ModelNode, name: string, content: Uint8Array, mode: number, time: bigint): number {
    if (folder.entries.has(name)) return refuse("AlreadyExists")
    const node = makeNode(this.state.nextNumber++, FILE, mode, time)
    node.content = content
    folder.entries.set(name, node)
    touch(folder, time)
    return node.number
  }

  unlinkIn(folder: ModelNode, name: string, time: bigint): void {
    const node = folder.entries.get(name)
    if (node === undefined) return refuse("NotFound")
    if (node.type === FOLDER) return refuse("IsAFolder")
    folder.entries.delete(name)
    touch(folder, time)
    drop(node, time)
  }

  /** All folders, the root first. */
  folders(under: ModelNode = this.state.root): ReadonlyArray<ModelNode> {
    if (under.type !== FOLDER) return []
    return [under, ...[...under.entries.values()].flatMap((child) => this.folders(child))]
  }

  link(from: string, to: string, time: bigint): void {
    const node = this.resolve(from, false)
    const way = this.#way(to, false)
    if (way.node !== undefined || way.name === undefined) return refuse("AlreadyExists")
    if (node.type === FOLDER) return refuse("IsAFolder")
    if (way.hasSlash) return refuse("NotAFolder")
    node.links++
    node.changeTime = time
    way.folder.entries.set(way.name, node)
    touch(way.folder, time)
  }

  unlink(path: string, time: bigint): void {
    const { folder, hasSlash, name, node } = this.#way(path, false)
    if (name === undefined) return refuse("IsAFolder")
    if (node === undefined) return refuse("NotFound")
    if (node.type === FOLDER) return refuse("IsAFolder")
    if (hasSlash) return refuse("NotAFolder")
    folder.entries.delete(name)
    touch(folder, time)
    drop(node, time)
  }

  removeFolder(path: string, time: bigint): void {
    const { folder, name, node } = this.#way(path, false)
    if (name === undefined) return refuse("NotAnEntry")
    if (node === undefined) return refuse("NotFound")
    if (node.type !== FOLDER) return refuse("NotAFolder")
    if (node.entries.size > 0) return refuse("NotEmpty")
    folder.entries.delete(name)
    touch(folder, time)
    drop(node, time)
  }

  removeTree(path: string, time: bigint): void {
    const { folder, hasSlash, name, node } = this.#way(path, false)
    if (name === undefined) return refuse("NotAnEntry")
    if (node === undefined) return refuse("NotFound")
    if (hasSlash && node.type !== FOLDER) return refuse("NotAFolder")
    folder.entries.delete(name)
    touch(folder, time)
    const bury = (dead: ModelNode): void => {
      drop(dead, time)
      if (dead.type === FOLDER) dead.entries.forEach(bury)
    }
    bury(node)
  }

  rename(fromPath: string, toPath: string, time: bigint): void {
    const from = this.#way(fromPath, false)
    const to = this.#way(toPath, false)
    if (from.name === undefined || to.name === undefined) return refuse("NotAnEntry")
    if (from.node === undefined) return refuse("NotFound")
    if (from.node.type === FOLDER) {
      if (to.folders.includes(from.node)) return refuse("IntoItself")
      if (to.node !== undefined && to.node.type !== FOLDER) return refuse("NotAFolder")
    } else {
      if (from.hasSlash || to.hasSlash) return refuse("NotAFolder")
      if (to.node?.type === FOLDER) return refuse("IsAFolder")
    }
    if (from.node === to.node) return
    if (to.node !== undefined && to.node.entries.size > 0) return refuse("NotEmpty")
    from.folder.entries.delete(from.name)
    to.folder.entries.set(to.name, from.node)
    touch(from.folder, time)
    touch(to.folder, time)
    from.node.changeTime = time
    if (to.node !== undefined) drop(to.node, time)
  }

  /** The file of a number that is open, or else the one at a path. */
  file(node: ModelNode): ModelNode {
    if (node.type === FOLDER) return refuse("IsAFolder")
    return node.type === LINK ? refuse("NotAFile") : node
  }

  setContent(node: ModelNode, content: Uint8Array, time: bigint): void {
    node.content = content
    touch(node, time)
  }
}

const touch = (node: ModelNode, time: bigint): void => {
  node.modifyTime = time
  node.changeTime = time
}

const drop = (node: ModelNode, time: bigint): void => {
  node.links--
  node.changeTime = time
}
