/**
 * A sound volume, and the ways to damage it that the check is there for: each leaves all checksums right where it is not the
 * checksum that has to find it.
 */
import * as BTree from "../../src/core/BTree.ts"
import * as Binding from "../../src/core/Binding.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Node from "../../src/core/Node.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as Table from "../../src/core/Table.ts"
import * as TreeNode from "../../src/core/TreeNode.ts"
import { noise, utf8, Volume } from "../core/CheckVolume.ts"

/** What a check does. */
export type Rule =
  | "every checksum is verified"
  | "the content of files is read"
  | "births are compared"
  | "a page has one owner"
  | "no pointer names a superblock or slot"
  | "links are counted"
  | "the entries of a folder are counted"
  | "entries are compared with the parents of what they name"
  | "the entries of a table are counted"
  | "everything is reached from the root folder"
  | "keys stay within the bounds above them"
  | "spans add up"
  | "what is behind the content is zero"
  | "the free map is compared"
  | "free pages are counted"
  | "both copies of the superblock and the slot are looked at"

const PAGE = 512
/**
 * /folder (2) with notes (3 to 32), /run (33), /parts (34), and a table (35): a names tree of two levels, and files of every
 * form.
 */
const RUN = 33
const NOTE = 10
const TABLE = 35

export const make = (): Volume => {
  const volume = new Volume()
  const folder = volume.folder(Inode.ROOT, "folder")
  for (let i = 0; i < 30; i++) volume.note(folder, `note ${i}`, "x".repeat(60))
  volume.file(Inode.ROOT, "run", [noise(1, 700)])
  volume.file(Inode.ROOT, "parts", [noise(2, PAGE + 7), 5000, noise(3, 10)])
  volume.set("table", "key", utf8("value"))
  return volume
}

const leaves = (volume: Volume) =>
  volume.reached().filter(({ pointer: { kind, level } }) => kind === Node.TREE && level === 0)

/** Where the value of an inode's item stands in a leaf; below zero if it is not there. */
const itemAt = (node: Uint8Array, number: number): number => {
  const key = Inode.inodeKey(number)
  const slot = TreeNode.searchLeaf(node, key)
  return slot < 0 ? -1 : TreeNode.cellAt(node, slot) + 4 + key.length
}

/** Changes the pointer to the run of /run in its inode, and gives it the checksum of what it names then. */
const repoint = (volume: Volume, change: (page: Uint8Array, at: number) => void): void => {
  const { binding, layout } = volume
  const leaf = leaves(volume).find(({ page }) => itemAt(page, RUN) >= 0)
  if (leaf === undefined) throw new Error("no inode")
  volume.damage(leaf.pointer.address, (page) => {
    const at = itemAt(page, RUN) + Inode.AT_CONTENT + 7
    change(page, at)
    const pointer = Pointer.read(layout, page, at, Node.DATA, 0)
    Binding.digest(
      binding,
      pointer,
      volume.pages(pointer.address, pointer.pageCount),
      page,
      Pointer.checksumAt(layout, at)
    )
  })
}

const runOf = (volume: Volume) => volume.find(Node.DATA, 0, ({ page }) => page.length === 2 * PAGE && page[700] === 0)

const partsOf = (volume: Volume) => volume.find(Node.ROPE, 1)

const flip = (volume: Volume, address: number, at: number): void => {
  volume.disk[address * PAGE + at] ^= 1
}

export interface Damage {
  /** It is seen only while all of these are kept. */
  readonly rules: ReadonlyArray<Rule>
  readonly what: string
  readonly damage: (volume: Volume) => void
  /** The code of the problem. */
  readonly code: string
}

export const damages: ReadonlyArray<Damage> = [
  {
    rules: ["every checksum is verified"],
    what: "a letter of a note that rots",
    damage: (volume) => {
      const leaf = leaves(volume).find(({ page }) => itemAt(page, NOTE) >= 0)
      if (leaf !== undefined) flip(volume, leaf.pointer.address, itemAt(leaf.page, NOTE) + Inode.AT_CONTENT + 3)
    },
    code: "Checksum"
  },
  {
    rules: ["every checksum is verified", "the content of files is read"],
    what: "a byte of a file that rots",
    damage: (volume) => flip(volume, runOf(volume).pointer.address, 5),
    code: "Checksum"
  },
  {
    rules: ["births are compared"],
    what: "a run that is younger than its inode",
    damage: (volume) => repoint(volume, (page, at) => (page[at + volume.layout.addressBytes + 3] += 1)),
    code: "Birth"
  },
  {
    rules: ["a page has one owner"],
    what: "a run that two files share",
    damage: (volume) => {
      const { address } = runOf(volume).pointer
      const { layout } = volume
      const parts = partsOf(volume)
      repoint(volume, (page, at) => {
        page.set(parts.page.subarray(22, 22 + layout.pointerBytes), at)
      })
      volume.mark([address, address + 2], false)
    },
    code: "Shared"
  },
  {
    rules: ["no pointer names a superblock or slot"],
    what: "a run on superblock and first slot",
    damage: (volume) => {
      const { address } = runOf(volume).pointer
      repoint(volume, (page, at) => page.fill(0, at, at + volume.layout.addressBytes))
      volume.mark([address, address + 2], false)
    },
    code: "Reserved"
  },
  {
    rules: ["links are counted"],
    what: "a file with one link too many",
    damage: (volume) => volume.change(NOTE, { links: 2 }),
    code: "LinkCount"
  },
  {
    rules: ["the entries of a folder are counted"],
    what: "a folder that says it has an entry more",
    damage: (volume) => volume.change(2, { size: 31 }),
    code: "FolderSize"
  },
  {
    rules: ["entries are compared with the parents of what they name"],
    what: "an entry that is not known from below",
    damage: (volume) => volume.remove(Inode.parentKey(NOTE, 2, utf8("note 7"))),
    code: "Parents"
  },
  {
    rules: ["the entries of a table are counted"],
    what: "a table that says it has an entry more",
    damage: (volume) => volume.put(Table.tableKey(utf8("table")), Table.encode({ number: TABLE, count: 2 })),
    code: "TableCount"
  },
  {
    rules: ["everything is reached from the root folder"],
    what: "a file without a name",
    damage: (volume) => {
      volume.unname(2, "note 5", 8)
      volume.change(2, { size: 29 })
      volume.change(8, { links: 0 })
    },
    code: "Unreachable"
  },
  {
    rules: ["keys stay within the bounds above them"],
    what: "a last key above what is right of it",
    damage: (volume) => {
      volume.commit((draft) => {
        let { names } = draft.roots
        for (let i = 0; i < 40; i++)
          names = BTree.put(draft, names, Inode.attributeKey(1, utf8(`a${100 + i}`)), utf8("v"))
        draft.roots = { ...draft.roots, names }
      })
      const leaf = leaves(volume).find(({ page }) => {
        const first = TreeNode.cellAt(page, 0) + 4
        const last = TreeNode.cellAt(page, Node.count(page) - 1) + 4
        return page[first + 6] === 2 && page[last + 6] === 2 && page[first + 5] === 1
      })
      if (leaf === undefined) throw new Error("no leaf of attributes alone")
      volume.damage(leaf.pointer.address, (page) => {
        page[TreeNode.cellAt(page, Node.count(page) - 1) + 4 + 7] = 0x7a
      })
    },
    code: "KeyOrder"
  },
  {
    rules: ["spans add up"],
    what: "a hole that is longer than its file has room for",
    damage: (volume) =>
      volume.damage(partsOf(volume).pointer.address, (page) => (page[16 + volume.layout.ropeEntryBytes] += 1)),
    code: "RopeSpan"
  },
  {
    rules: ["what is behind the content is zero", "the content of files is read"],
    what: "bytes behind the content of a file",
    damage: (volume) => volume.damage(runOf(volume).pointer.address, (page) => (page[1023] = 1)),
    code: "DataTail"
  },
  {
    rules: ["the free map is compared"],
    what: "a page of a file that is free",
    damage: (volume) => {
      const { address } = runOf(volume).pointer
      volume.mark([address, address + 1], false)
    },
    code: "FreeInUse"
  },
  {
    rules: ["the free map is compared"],
    what: "a page of nobody that is in use",
    damage: (volume) => volume.mark([250, 251], true),
    code: "Leak"
  },
  {
    rules: ["free pages are counted", "the free map is compared"],
    what: "a root that counts a free page more",
    damage: (volume) => volume.root({ freeCount: volume.record.freeCount + 1 }),
    code: "FreeCount"
  },
  {
    rules: ["both copies of the superblock and the slot are looked at"],
    what: "copy two of the superblock that rots",
    damage: (volume) => flip(volume, volume.slots.secondCopy, 20),
    code: "Superblock"
  },
  {
    rules: ["both copies of the superblock and the slot are looked at"],
    what: "the slot of the root that rots",
    damage: (volume) => flip(volume, volume.head.root.page, 60),
    code: "RootSlot"
  }
]
