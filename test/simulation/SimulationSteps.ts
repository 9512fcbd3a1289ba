/**
 * What the simulation does to a volume: single operations as values, carried out on the shipped `Files` and `Table`,
 * and on the model.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Files from "../../src/shell/Files.ts"
import * as Table from "../../src/shell/Table.ts"
import type { Volume } from "../../src/shell/Volume.ts"
import type { VolumeError } from "../../src/shell/VolumeError.ts"
import type { Random } from "../../src/testing/Random.ts"
import { FOLDER, type FilesModel, type ModelNode, Refusal } from "../core/FilesModel.ts"
import { pathsOf } from "./SimulationModel.ts"

export interface Step {
  readonly do: Kind
  readonly path: string
  readonly to: string
  readonly offset: number
  readonly bytes: Uint8Array
}

const WRITES = {
  writeFile: 6,
  writeNew: 2,
  append: 3,
  write: 5,
  truncate: 3,
  create: 1,
  makeFolder: 4,
  makeParents: 1,
  symlink: 1,
  link: 2,
  rename: 5,
  unlink: 5,
  remove: 1,
  removeFolder: 2,
  removeTree: 1,
  setAttribute: 2,
  removeAttribute: 1,
  changeMode: 1,
  setEntry: 5,
  removeEntry: 2,
  clearTable: 1,
  dropTable: 1
}
const READS = {
  readFile: 4,
  readRange: 3,
  stat: 2,
  lstat: 1,
  exists: 1,
  list: 2,
  readLink: 1,
  getAttribute: 1,
  getEntry: 2,
  listTable: 2
}

type WriteKind = keyof typeof WRITES
type ReadKind = keyof typeof READS
type Kind = WriteKind | ReadKind

const WITH_BYTES: ReadonlyArray<Kind> = [
  "writeFile",
  "writeNew",
  "append",
  "write",
  "readRange",
  "setAttribute",
  "setEntry"
]
/** Their path is the name of a table, `to` a key. */
const OF_TABLES: ReadonlyArray<Kind> = ["setEntry", "removeEntry", "clearTable", "dropTable", "getEntry", "listTable"]

export const format = ({ bytes, do: kind, offset, path, to }: Step): string =>
  [
    kind,
    path,
    ...(["rename", "link", "symlink", "setEntry", "removeEntry", "getEntry"].includes(kind) ? [to] : []),
    ...(["write", "truncate", "readRange"].includes(kind) ? [`@${offset}`] : []),
    ...(WITH_BYTES.includes(kind) ? [`+${bytes.length}`] : [])
  ].join(" ")

// ---- choosing

/** The least and the most that a run does. */
export interface Taste {
  readonly pageBytes: number
  /** Pages of the largest contents, which are rare. */
  readonly pagesMax: number
  readonly filesMax: number
  /** Whether whole trees are removed, or files have several names: links count what is in a tree that is not freed yet. */
  readonly trees: boolean
  /** Snapshots that are kept at once, about. */
  readonly keptMax: number
}

const TABLES = ["t", "u"]
const KEYS = ["a", "b", "c", "日本", "k".repeat(60)]
const NAMES = ["a", "b", "c", "d", "e", "f", "g", "日本", "n".repeat(60)]

export const weighted = <K extends string>(random: Random, weights: Readonly<Record<K, number>>): K => {
  const entries = Object.entries<number>(weights)
  let at = random.below(entries.reduce((sum, [, weight]) => sum + weight, 0))
  for (const [kind, weight] of entries) if ((at -= weight) < 0) return kind as K
  throw new Error("the weights are used up")
}

export const oneOf = <A>(random: Random, choices: ReadonlyArray<A>): A => choices[random.below(choices.length)]

const bytesOf = (random: Random, { pageBytes, pagesMax }: Taste): Uint8Array => {
  const count = random.chance(0.6)
    ? random.below(120)
    : random.chance(0.9)
      ? random.below(3 * pageBytes)
      : random.below(pagesMax * pageBytes)
  const first = random.below(256)
  const by = 1 + 2 * random.below(8)
  const bytes = new Uint8Array(count)
  for (let i = 0; i < count; i++) bytes[i] = first + i * by
  return bytes
}

/** A step that makes sense on a state, or did a moment ago. */
export const choose = (random: Random, model: FilesModel, taste: Taste, reading: boolean): Step => {
  const { files, folders } = pathsOf(model)
  const fresh = (): string => `${oneOf(random, folders)}/${oneOf(random, NAMES)}`
  const there = (): string => (files.length > 0 && random.chance(0.9) ? oneOf(random, files) : fresh())
  const folder = (): string => (random.chance(0.9) ? oneOf(random, folders) || "/" : there())
  const rare = taste.trees ? { link: 0 } : { removeTree: 0 }
  const isCrowded = files.length + folders.length > taste.filesMax
  const kind = reading
    ? weighted(random, READS)
    : isCrowded && random.chance(0.4)
      ? oneOf<Kind>(random, ["unlink", "unlink", taste.trees ? "removeTree" : "unlink", "truncate"])
      : weighted(random, { ...WRITES, ...rare })
  if (OF_TABLES.includes(kind)) {
    const [path, to] = [oneOf(random, TABLES), oneOf(random, KEYS)]
    return { do: kind, path, to, offset: 0, bytes: bytesOf(random, taste) }
  }
  const onFolder = kind === "list" || kind === "removeFolder" || kind === "removeTree"
  const isMaking = ["writeNew", "create", "makeFolder", "makeParents", "symlink"].includes(kind)
  const path = onFolder ? folder() : isMaking || (kind === "writeFile" && random.chance(0.6)) ? fresh() : there()
  const isMoving = kind === "rename" || kind === "link"
  const any = random.chance(0.7) ? path : folder()
  const reach = kind === "truncate" || kind === "write" || kind === "readRange" ? 3 * taste.pageBytes : 0
  return {
    do: kind,
    path: kind === "rename" ? any : path,
    to: isMoving ? (random.chance(0.7) ? fresh() : there()) : kind === "makeParents" ? "/x/y/z" : there(),
    offset: reach === 0 ? 0 : random.chance(0.5) ? random.below(100) : random.below(reach),
    bytes: bytesOf(random, taste)
  }
}

// ---- on a volume

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const ATTRIBUTE = "user.a"
const ATTRIBUTE_BYTES_MAX = 90
const MODE = 0o640

type Service = Volume["Service"]

/** Answers what the model answers too: text, or bytes. */
export type Answer = string | Uint8Array

const done = (effect: Effect.Effect<unknown, VolumeError>): Effect.Effect<Answer, VolumeError> =>
  Effect.as(effect, "done")

export const onVolume = (volume: Service, step: Step): Effect.Effect<Answer, VolumeError> => {
  const { bytes, offset, path, to } = step
  switch (step.do) {
    case "writeFile":
      return done(Files.writeFile(volume, path, bytes))
    case "writeNew":
      return done(Files.writeFile(volume, path, bytes, { flag: "wx" }))
    case "append":
      return done(Files.append(volume, path, bytes))
    case "write":
      return done(Files.write(volume, path, offset, bytes))
    case "truncate":
      return done(Files.truncate(volume, path, offset))
    case "create":
      return done(Files.create(volume, path))
    case "makeFolder":
      return done(Files.makeFolder(volume, path))
    case "makeParents":
      return done(Files.makeParents(volume, path))
    case "symlink":
      return done(Files.symlink(volume, to, path))
    case "link":
      return done(Files.link(volume, path, to))
    case "rename":
      return done(Files.rename(volume, path, to))
    case "unlink":
      return done(Files.unlink(volume, path))
    case "remove":
      return done(Files.remove(volume, path))
    case "removeFolder":
      return done(Files.removeFolder(volume, path))
    case "removeTree":
      return done(Files.removeTree(volume, path))
    case "setAttribute":
      return done(Files.setAttribute(volume, path, ATTRIBUTE, bytes.subarray(0, ATTRIBUTE_BYTES_MAX)))
    case "removeAttribute":
      return done(Files.removeAttribute(volume, path, ATTRIBUTE))
    case "changeMode":
      return done(Files.changeAttributes(volume, path, { mode: MODE }))
    case "readFile":
      return Files.readFile(volume, path)
    case "readRange":
      return Files.readRange(volume, path, offset, bytes.length)
    case "stat":
      return Effect.map(Files.stat(volume, path), ({ links, mode, size, type }) => `${type} ${mode} ${links} ${size}`)
    case "lstat":
      return Effect.map(Files.lstat(volume, path), ({ links, mode, size, type }) => `${type} ${mode} ${links} ${size}`)
    case "exists":
      return Effect.map(Files.exists(volume, path), String)
    case "list":
      return Effect.map(Files.list(volume, path), (entries) => entries.map(({ name }) => name).join(" "))
    case "readLink":
      return Files.readLink(volume, path)
    case "getAttribute":
      return Files.getAttribute(volume, path, ATTRIBUTE)
    default:
      return onTable(Table.make(volume, path), step)
  }
}

const onTable = (table: Table.Table, { bytes, do: kind, to }: Step): Effect.Effect<Answer, VolumeError> => {
  const key = encoder.encode(to)
  switch (kind) {
    case "setEntry":
      return done(table.set(key, bytes))
    case "removeEntry":
      return done(table.remove(key))
    case "clearTable":
      return done(table.clear)
    case "dropTable":
      return done(table.drop)
    case "getEntry":
      return Effect.map(table.get(key), (value) => value ?? "none")
    default:
      return Effect.map(Stream.runCollect(table.entries()), (entries) =>
        entries.map((entry) => `${decoder.decode(entry.key)} ${entry.value.length}`).join(" ")
      )
  }
}

// ---- on the model

const TYPES = ["", "File", "Folder", "SymbolicLink"]
const FILE = 1
const LINK = 3
const FILE_MODE = 0o644
const FOLDER_MODE = 0o755
const LINK_MODE = 0o777
const TIME = BigInt(0)
const NONE = new Uint8Array(0)

const refuse = (tag: string): never => {
  throw new Refusal(tag)
}

/** What is there, symbolic links followed; nothing if it could be made. */
const find = (model: FilesModel, path: string, follow: boolean): ModelNode | undefined => {
  try {
    return model.resolve(path, follow)
  } catch (refusal) {
    if (refusal instanceof Refusal && refusal.tag === "NotFound") return undefined
    throw refusal
  }
}

const resized = (content: Uint8Array, size: number): Uint8Array => {
  const made = new Uint8Array(size)
  made.set(content.subarray(0, size))
  return made
}

const writeAt = (content: Uint8Array, offset: number, bytes: Uint8Array): Uint8Array => {
  if (bytes.length === 0) return content
  const made = resized(content, Math.max(content.length, offset + bytes.length))
  made.set(bytes, offset)
  return made
}

const writeFile = (model: FilesModel, path: string, bytes: Uint8Array, isAppending: boolean): void => {
  const there = find(model, path, true)
  if (there === undefined) return void model.create(path, FILE, FILE_MODE, bytes, true, TIME)
  const file = model.file(there)
  model.setContent(file, isAppending ? writeAt(file.content, file.content.length, bytes) : bytes, TIME)
}

const makeParents = (model: FilesModel, path: string): void => {
  const parts = path.split("/").slice(1, -1)
  for (let count = 1; count <= parts.length; count++) {
    const folder = `/${parts.slice(0, count).join("/")}`
    const there = find(model, folder, true)
    if (there?.type !== FOLDER) model.create(folder, FOLDER, FOLDER_MODE, NONE, false, TIME)
  }
}

const describe = ({ content, entries, links, mode, type }: ModelNode): string =>
  `${TYPES[type]} ${mode} ${links} ${type === FOLDER ? entries.size : content.length}`

/** Throws a {@link Refusal}, and has changed nothing then. */
const onModel = (model: FilesModel, step: Step): Answer => {
  const { bytes, offset, path, to } = step
  const fileAt = (): ModelNode => model.file(model.resolve(path, true))
  switch (step.do) {
    case "writeFile":
      writeFile(model, path, bytes, false)
      break
    case "writeNew":
      model.create(path, FILE, FILE_MODE, bytes, false, TIME)
      break
    case "append":
      writeFile(model, path, bytes, true)
      break
    case "write": {
      const file = fileAt()
      model.setContent(file, writeAt(file.content, offset, bytes), TIME)
      break
    }
    case "truncate": {
      const file = fileAt()
      model.setContent(file, resized(file.content, offset), TIME)
      break
    }
    case "create":
      model.create(path, FILE, FILE_MODE, NONE, false, TIME)
      break
    case "makeFolder":
      model.create(path, FOLDER, FOLDER_MODE, NONE, false, TIME)
      break
    case "makeParents":
      makeParents(model, path)
      break
    case "symlink":
      model.create(path, LINK, LINK_MODE, encoder.encode(to), false, TIME)
      break
    case "link":
      model.link(path, to, TIME)
      break
    case "rename":
      model.rename(path, to, TIME)
      break
    case "unlink":
      model.unlink(path, TIME)
      break
    case "remove":
      if (find(model, path, false)?.type === FOLDER) model.removeFolder(path, TIME)
      else model.unlink(path, TIME)
      break
    case "removeFolder":
      model.removeFolder(path, TIME)
      break
    case "removeTree":
      model.removeTree(path, TIME)
      break
    case "setAttribute":
      model.resolve(path, true).attributes.set(ATTRIBUTE, bytes.slice(0, ATTRIBUTE_BYTES_MAX))
      break
    case "removeAttribute":
      if (!model.resolve(path, true).attributes.delete(ATTRIBUTE)) refuse("NoAttribute")
      break
    case "changeMode":
      model.resolve(path, true).mode = MODE
      break
    case "readFile":
      return fileAt().content
    case "readRange":
      return fileAt().content.subarray(offset, offset + bytes.length)
    case "stat":
      return describe(model.resolve(path, true))
    case "lstat":
      return describe(model.resolve(path, false))
    case "exists":
      return String(find(model, path, true) !== undefined)
    case "list": {
      const node = model.resolve(path, true)
      if (node.type !== FOLDER) return refuse("NotAFolder")
      return [...node.entries.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).join(" ")
    }
    case "readLink": {
      const node = model.resolve(path, false)
      return node.type === LINK ? decoder.decode(node.content) : refuse("NotASymbolicLink")
    }
    case "getAttribute":
      return model.resolve(path, true).attributes.get(ATTRIBUTE) ?? refuse("NoAttribute")
    default:
      return onModelTable(model, step)
  }
  return "done"
}

const onModelTable = ({ state }: FilesModel, { bytes, do: kind, path, to }: Step): Answer => {
  const { tables } = state
  const table = tables.get(path)
  switch (kind) {
    case "setEntry":
      // A table takes a number as files do.
      if (table === undefined) state.nextNumber++
      tables.set(path, (table ?? new Map<string, Uint8Array>()).set(to, bytes))
      return "done"
    case "removeEntry":
      table?.delete(to)
      return "done"
    case "clearTable":
      table?.clear()
      return "done"
    case "dropTable":
      tables.delete(path)
      return "done"
    case "getEntry":
      return table?.get(to) ?? "none"
    default: {
      const sorted = [...(table ?? [])].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      return sorted.map(([key, value]) => `${key} ${value.length}`).join(" ")
    }
  }
}

const REMOVING: ReadonlyArray<Kind> = ["unlink", "remove", "removeTree", "rename"]

/** All files and links that have a name. */
const named = (model: FilesModel): Map<number, ModelNode> => {
  const nodes = new Map<number, ModelNode>()
  for (const folder of model.folders()) {
    for (const node of folder.entries.values()) if (node.type !== FOLDER) nodes.set(node.number, node)
  }
  return nodes
}

/** What a step comes to on the model, refusals told by their tag. What loses its last name is kept among the open files. */
export const tried = (model: FilesModel, step: Step): Answer => {
  try {
    if (!REMOVING.includes(step.do)) return onModel(model, step)
    const before = named(model)
    const answer = onModel(model, step)
    const after = named(model)
    for (const [number, node] of before) if (!after.has(number)) model.state.open.set(number, { node, count: 0 })
    return answer
  } catch (refusal) {
    if (refusal instanceof Refusal) return refusal.tag
    throw refusal
  }
}

export const isSame = (answer: Answer, other: Answer): boolean =>
  typeof answer === "string" || typeof other === "string" ? answer === other : Buffer.compare(answer, other) === 0
