/**
 * The whole logical state of a volume as a text: every path with its type, mode, owner, links, attributes and content, and every
 * table with its entries, but for those that the volume keeps for itself.
 * Inode numbers and times are left out; names of one file are told by the first of them.
 */
import { createHash } from "node:crypto"
import * as BTree from "../../src/core/BTree.ts"
import * as Content from "../../src/core/Content.ts"
import * as Folder from "../../src/core/Folder.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Inodes from "../../src/core/Inodes.ts"
import * as Links from "../../src/core/Links.ts"
import * as Node from "../../src/core/Node.ts"
import { CorruptPage, demand, type Pages } from "../../src/core/Pages.ts"
import type * as Pointer from "../../src/core/Pointer.ts"
import * as Roots from "../../src/core/Roots.ts"
import * as Snapshots from "../../src/core/Snapshots.ts"
import * as Table from "../../src/core/Table.ts"
import * as Tables from "../../src/core/Tables.ts"
import type { Tree } from "../../src/core/Tree.ts"
import type { FilesModel, Kept, ModelNode, ModelTables } from "../core/FilesModel.ts"

const decoder = new TextDecoder()
const digest = (bytes: Uint8Array): string => createHash("sha1").update(bytes).digest("hex").slice(0, 16)

interface Line {
  readonly path: string
  readonly first: string
  readonly type: number
  readonly mode: number
  readonly links: number
  readonly content: Uint8Array
  readonly attributes: ReadonlyArray<readonly [string, Uint8Array]>
}

const format = ({ attributes, content, first, links, mode, path, type }: Line): string => {
  const alias = first === path ? "" : ` =${first}`
  const extra = attributes.map(([name, value]) => ` ${name}:${digest(value)}`).join("")
  const data = type === Inode.FOLDER ? "" : ` ${content.length}:${digest(content)}`
  return `${path} ${"?fdl"[type]} ${mode.toString(8)} ${links}${alias}${data}${extra}`
}

/** Asks for all pages of the names tree, level by level, so that reading it restarts a few times and not once a page. */
const load = (pages: Pages, { names }: Roots.Roots): void => {
  const missing: Array<Pointer.Pointer> = []
  const walk = (holder: Uint8Array, at: number, kind: number, level: number): void => {
    const node = pages.peek(holder, at, kind, level, missing)
    if (node !== undefined && kind !== Node.DATA) Links.forEach(pages.layout, node, kind, level, true, walk)
  }
  walk(names.link, 0, Node.TREE, names.level)
  demand(missing)
}

/** Of a volume, by the functions of the core that the shell runs. What has no name any more may wait for being freed. */
export const ofVolume = (pages: Pages, roots: Roots.Roots, mayHaveOrphans = false): string => {
  load(pages, roots)
  const { inodeCount, names } = roots
  const lines: Array<string> = []
  const firsts = new Map<number, string>()
  const walk = (number: number, path: string): void => {
    const inode = Inodes.get(pages, names, number)
    if (inode === undefined) throw new CorruptPage(undefined, `${path} has no inode`)
    const known = firsts.get(number)
    if (known === undefined) firsts.set(number, path)
    const content = new Uint8Array(inode.type === Inode.FOLDER ? 0 : inode.size)
    Content.readInode(pages, inode, 0, content)
    const attributes: Array<readonly [string, Uint8Array]> = []
    const prefix = Inode.attributeKey(number, new Uint8Array(0))
    BTree.ascend(pages, names, prefix, (item) => {
      if (!BTree.hasPrefix(item, prefix)) return false
      attributes.push([decoder.decode(BTree.key(item).subarray(prefix.length)), BTree.value(item)])
      return true
    })
    lines.push(
      format({
        path,
        first: known ?? path,
        type: inode.type,
        mode: inode.mode,
        links: inode.links,
        content,
        attributes
      })
    )
    if (inode.type !== Inode.FOLDER) return
    const entries = Folder.entries(pages, names, number, undefined, Infinity)
    if (entries.length !== inode.size) throw new CorruptPage(undefined, `${path} does not count its entries`)
    for (const entry of entries) walk(entry.number, `${path}/${decoder.decode(entry.name)}`)
  }
  walk(Inode.ROOT, "")
  if (mayHaveOrphans ? firsts.size > inodeCount : firsts.size !== inodeCount)
    throw new CorruptPage(undefined, "the root does not count its inodes")
  const kept = Snapshots.list(pages, roots.snapshots, 0, Number.POSITIVE_INFINITY).map((snapshot) => {
    const then = { ...Roots.empty(pages.layout), names: snapshot.names, inodeCount: snapshot.inodeCount }
    return [decoder.decode(snapshot.name), ofVolume(pages, then, mayHaveOrphans)] as const
  })
  return together([...lines, ...tableLinesOfVolume(pages, names)], kept)
}

const tableLine = (name: string, count: number): string => `table ${name} ${count}`
const entryLine = (name: string, key: string, value: Uint8Array): string =>
  `table ${name} ${key} ${value.length}:${digest(value)}`

const tableLinesOfVolume = (pages: Pages, names: Tree): ReadonlyArray<string> => {
  const range = { from: undefined, to: undefined, isReverse: false }
  const limits = { countMax: Infinity, byteCountMax: Infinity, hasValues: true }
  return Tables.list(pages, names, undefined, Infinity).flatMap(({ count, name }) => {
    if (Table.isOwn(name)) return []
    const { entries } = Tables.scan(pages, names, name, range, limits)
    if (entries.length !== count) throw new CorruptPage(undefined, "a table does not count its entries")
    const text = decoder.decode(name)
    const ofEntries = entries.map(({ key, value }) => entryLine(text, decoder.decode(key), value ?? new Uint8Array(0)))
    return [tableLine(text, count), ...ofEntries]
  })
}

const tableLinesOfModel = (tables: ModelTables): ReadonlyArray<string> =>
  [...tables]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, entries]) => {
      const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1))
      return [tableLine(name, entries.size), ...sorted.map(([key, value]) => entryLine(name, key, value))]
    })

/** The lines of a state, and then those of each snapshot with its name before them. */
const together = (lines: ReadonlyArray<string>, kept: ReadonlyArray<readonly [string, string]>): string =>
  [...lines, ...kept.flatMap(([name, text]) => text.split("\n").map((line) => `[${name}] ${line}`))].join("\n")

/** Of the model. */
export const ofModel = ({ root, snapshots, tables }: FilesModel["state"]): string =>
  together(
    [...linesOf(root), ...tableLinesOfModel(tables)],
    [...snapshots].map(([name, then]) => [name, ofKept(then)] as const)
  )

const kept = new WeakMap<Kept, string>()

/** Of what a snapshot keeps, which nobody changes any more. */
export const ofKept = (then: Kept): string => {
  const known = kept.get(then)
  if (known !== undefined) return known
  const text = [...linesOf(then.root), ...tableLinesOfModel(then.tables)].join("\n")
  kept.set(then, text)
  return text
}

const linesOf = (root: ModelNode): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const firsts = new Map<ModelNode, string>()
  const walk = (node: ModelNode, path: string): void => {
    const known = firsts.get(node)
    if (known === undefined) firsts.set(node, path)
    const attributes = [...node.attributes].sort(([a], [b]) => (a < b ? -1 : 1))
    lines.push(
      format({
        path,
        first: known ?? path,
        type: node.type,
        mode: node.mode,
        links: node.links,
        content: node.content,
        attributes
      })
    )
    const entries = [...node.entries].sort(([a], [b]) => (a < b ? -1 : 1))
    for (const [name, child] of entries) walk(child, `${path}/${name}`)
  }
  walk(root, "")
  return lines
}

/** What stands in one state and not in the other. */
export const difference = (state: string, other: string): string => {
  const [lines, others] = [state.split("\n"), other.split("\n")]
  return [
    ...lines.filter((line) => !others.includes(line)).map((line) => `+ ${line}`),
    ...others.filter((line) => !lines.includes(line)).map((line) => `- ${line}`)
  ].join("\n")
}
