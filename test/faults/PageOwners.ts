/**
 * Which pages a root reaches, and what hangs under each: so that a test can say who may suffer if one is damaged.
 */
import * as Effect from "effect/Effect"
import { toHex } from "./FaultVolume.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Links from "../../src/core/Links.ts"
import * as Node from "../../src/core/Node.ts"
import type { Pages } from "../../src/core/Pages.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as TreeNode from "../../src/core/TreeNode.ts"
import * as Files from "../../src/shell/Files.ts"
import type { Roots } from "../../src/core/Roots.ts"
import type { Service } from "./FaultVolume.ts"

/** A page, or a run of them, that the root reaches. */
export interface Owned {
  readonly address: number
  readonly pageCount: number
  readonly kind: number
  /** Keys of the names tree that are found through it only, as text. */
  readonly keys: Set<string>
  /** The file whose content it holds. */
  readonly inode: number | undefined
}

/** All pages that the names tree and the ropes consist of. */
const ownedPages = (pages: Pages, { names }: Roots): ReadonlyArray<Owned> => {
  const found: Array<Owned> = []
  const visit = (
    bytes: Uint8Array,
    at: number,
    kind: number,
    level: number,
    above: ReadonlyArray<Owned>,
    inode: number | undefined
  ): void => {
    const address = Pointer.address(pages.layout, bytes, at)
    const pageCount = Pointer.pageCount(pages.layout, bytes, at)
    const owned: Owned = { address, pageCount, kind, keys: new Set(), inode }
    found.push(owned)
    if (kind === Node.DATA) return
    const node = pages.node(bytes, at, kind, level)
    const chain = [...above, owned]
    if (kind === Node.TREE && level === 0) {
      for (let slot = 0; slot < Node.count(node); slot += 1) {
        const key = toHex(TreeNode.keyOf(pages.layout, node, slot))
        for (const page of chain) page.keys.add(key)
      }
    }
    Links.forEach(pages.layout, node, kind, level, true, (holder, linkAt, linkKind, linkLevel) => {
      const owner = kind === Node.TREE && level === 0 ? inodeAt(pages, node, linkAt) : inode
      visit(holder, linkAt, linkKind, linkLevel, chain, owner)
    })
  }
  visit(names.link, 0, Node.TREE, names.level, [], undefined)
  return found
}

/** The number of the inode whose rope pointer stands at `at` of a leaf. */
const inodeAt = (pages: Pages, leaf: Uint8Array, at: number): number | undefined => {
  for (let slot = 0; slot < Node.count(leaf); slot += 1) {
    const cell = TreeNode.cellAt(leaf, slot)
    const valueAt = TreeNode.leafKeyAt(cell) + TreeNode.keyBytes(leaf, cell)
    if (at <= valueAt || at >= valueAt + TreeNode.valueBytes(leaf, cell)) continue
    const key = Inode.decodeKey(TreeNode.keyOf(pages.layout, leaf, slot))
    return key._tag === "Inode" ? key.number : undefined
  }
  return undefined
}

/** A file, and the keys that lead to it. */
export interface Reached {
  readonly path: string
  readonly inode: number
  readonly keys: ReadonlyArray<string>
}

/** The pages of a volume and its files, by the ways that lead to them. */
export const owners = Effect.fnUntraced(function* (volume: Service) {
  const pages = yield* volume.read(ownedPages)
  const files: Array<Reached> = []
  const encoder = new TextEncoder()
  for (const { number, path, type } of yield* Files.walk(volume, "/")) {
    if (type !== "File") continue
    const keys = [toHex(Inode.inodeKey(Inode.ROOT))]
    let folder: number = Inode.ROOT
    let prefix = ""
    for (const name of path.split("/")) {
      prefix += `/${name}`
      keys.push(toHex(Inode.entryKey(folder, encoder.encode(name))))
      folder = (yield* Files.lstat(volume, prefix)).number
      keys.push(toHex(Inode.inodeKey(folder)))
    }
    files.push({ path: `/${path}`, inode: number, keys })
  }
  return { pages, files, pageBytes: volume.facts.layout.pageBytes }
})

/** Whether reading the file needs the page. */
export const needs = ({ inode, keys }: Reached, page: Owned): boolean =>
  page.kind === Node.TREE ? keys.some((key) => page.keys.has(key)) : page.inode === inode
