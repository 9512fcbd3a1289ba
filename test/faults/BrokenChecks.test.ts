/**
 * The test of the check: each of its rules broken on its own, and the volumes that are damaged in this way, and no other ones,
 * pass it. So every rule is there for something, and the table below notices when one is lost.
 *
 * Nothing in `src` knows of this: modules are replaced by broken ones, which are sound until a rule is switched off.
 */
import { afterAll, afterEach, assert, describe, it, vi } from "vitest"
import * as BTree from "../../src/core/BTree.ts"
import type * as CheckItemModule from "../../src/core/CheckItem.ts"
import type * as BindingModule from "../../src/core/Binding.ts"
import * as Binding from "../../src/core/Binding.ts"
import type * as CheckNamesModule from "../../src/core/CheckNames.ts"
import type * as CheckNodeModule from "../../src/core/CheckNode.ts"
import * as CheckPlaces from "../../src/core/CheckPlaces.ts"
import type * as CheckPointerModule from "../../src/core/CheckPointer.ts"
import type * as CheckSpaceModule from "../../src/core/CheckSpace.ts"
import type * as CheckWalkModule from "../../src/core/CheckWalk.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Node from "../../src/core/Node.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as TreeNode from "../../src/core/TreeNode.ts"
import { noise, utf8, Volume } from "../core/CheckVolume.ts"
import { report } from "./FaultVolume.ts"

type Rule =
  | "every checksum is verified"
  | "the content of files is read"
  | "births are compared"
  | "a page has one owner"
  | "no pointer names a superblock or slot"
  | "links are counted"
  | "the entries of a folder are counted"
  | "everything is reached from the root folder"
  | "keys stay within the bounds above them"
  | "spans add up"
  | "what is behind the content is zero"
  | "the free map is compared"
  | "free pages are counted"
  | "both copies of the superblock and the slot are looked at"

const broken = vi.hoisted(() => ({ rule: undefined as string | undefined }))
const is = (rule: Rule): boolean => broken.rule === rule

vi.mock("../../src/core/Binding.ts", async (original) => {
  const real = await original<typeof BindingModule>()
  const verifies: typeof real.verifies = (...args) => is("every checksum is verified") || real.verifies(...args)
  return { ...real, verifies }
})

vi.mock("../../src/core/CheckPointer.ts", async (original) => {
  const real = await original<typeof CheckPointerModule>()
  const check: typeof real.check = (...args) => {
    const fault = real.check(...args)
    return is("births are compared") && fault?.code === "Birth" ? undefined : fault
  }
  return { ...real, check }
})

vi.mock("../../src/core/CheckSpace.ts", async (original) => {
  const real = await original<typeof CheckSpaceModule>()
  class CheckSpace extends real.CheckSpace {
    readonly #claimed = new Set<number>()
    readonly #record: CheckSpaceModule.Claims

    constructor(...args: ConstructorParameters<typeof real.CheckSpace>) {
      const [layout, problems, record, reserved, devicePageCount] = args
      super(layout, problems, record, reserved, devicePageCount)
      this.#record = record
    }

    override claim(...[pointer, inode]: Parameters<CheckSpaceModule.CheckSpace["claim"]>): boolean {
      const { address, pageCount } = pointer
      const pages = Array.from({ length: pageCount }, (_, i) => address + i)
      const wasClaimed = pages.some((page) => this.#claimed.has(page))
      for (const page of pages) this.#claimed.add(page)
      if (wasClaimed && is("a page has one owner")) return false
      if (is("no pointer names a superblock or slot") && address < 4) return true
      return super.claim(pointer, inode)
    }

    override skipTo(leaf: number): void {
      if (!is("the free map is compared")) super.skipTo(leaf)
    }

    override bitmap(page: Uint8Array): void {
      if (!is("the free map is compared")) super.bitmap(page)
    }

    override finish(): void {
      if (is("the free map is compared")) return
      // What the comparison is about to count, if it counts at all.
      if (is("free pages are counted")) {
        this.skipTo(this.mapLeafCount)
        this.freeCount = this.#record.freeCount
      }
      super.finish()
    }
  }
  return { ...real, CheckSpace }
})

vi.mock("../../src/core/CheckNames.ts", async (original) => {
  const real = await original<typeof CheckNamesModule>()
  class CheckNames extends real.CheckNames {
    readonly #later: Array<readonly [CheckItemModule.InodeItem, number]> = []
    readonly #entries = new Map<number, number>()
    readonly #children = new Map<number, number>()

    override add(item: CheckItemModule.Item, address: number): void {
      if (item._tag === "Entry") {
        this.#entries.set(item.number, (this.#entries.get(item.number) ?? 0) + 1)
        this.#children.set(item.folder, (this.#children.get(item.folder) ?? 0) + 1)
      }
      if (item._tag === "Inode") this.#later.push([item, address])
      else super.add(item, address)
    }

    override finish(...[isComplete, nextInode, inodeCount]: Parameters<CheckNamesModule.CheckNames["finish"]>): void {
      for (const [item, address] of this.#later) {
        let { links, size } = item
        // The items are believed, or say what is there.
        if (is("links are counted")) links = item.type === Inode.FOLDER ? 1 : (this.#entries.get(item.number) ?? 0)
        if (is("the entries of a folder are counted") && item.type === Inode.FOLDER) {
          size = this.#children.get(item.number) ?? 0
        }
        const isNamed = item.number === Inode.ROOT || this.#entries.has(item.number)
        if (isNamed || !is("everything is reached from the root folder")) super.add({ ...item, links, size }, address)
      }
      super.finish(isComplete, nextInode, is("everything is reached from the root folder") ? this.inodes : inodeCount)
    }

    private get inodes(): number {
      return this.fileCount + this.folderCount + this.symbolicLinkCount
    }
  }
  return { ...real, CheckNames }
})

vi.mock("../../src/core/CheckNode.ts", async (original) => {
  const real = await original<typeof CheckNodeModule>()
  const visit: typeof real.visit = (way, step, node) => {
    if (is("keys stay within the bounds above them")) {
      const { low, high } = real.NO_HINTS
      const follow: typeof way.follow = (holder, bytes, at, kind, level, hints) =>
        way.follow(holder, bytes, at, kind, level, { ...hints, low, high })
      return real.visit(
        { ...way, layout: way.layout, problems: way.problems, names: way.names, follow, lose: () => way.lose() },
        { ...step, low, high },
        node
      )
    }
    if (is("spans add up") && step.pointer.kind === Node.ROPE) {
      let span = 0
      const { ropeEntryBytes } = way.layout
      for (let entry = 0; entry < Node.count(node); entry++)
        span += node[16 + entry * ropeEntryBytes] + 256 * node[17 + entry * ropeEntryBytes]
      return real.visit(way, { ...step, span }, node)
    }
    return real.visit(way, step, node)
  }
  const data: typeof real.data = (...args) => {
    if (!is("what is behind the content is zero")) real.data(...args)
  }
  return { ...real, visit, data }
})

vi.mock("../../src/core/CheckWalk.ts", async (original) => {
  const real = await original<typeof CheckWalkModule>()
  class CheckWalk extends real.CheckWalk {
    constructor(...[binding, problems, space, names, record, isDeep]: ConstructorParameters<typeof real.CheckWalk>) {
      super(binding, problems, space, names, record, isDeep && !is("the content of files is read"))
    }
  }
  return { ...real, CheckWalk }
})

vi.mock("../../src/core/CheckPlaces.ts", async (original) => {
  const real = await original<typeof CheckPlaces>()
  const problems: typeof real.problems = (...args) =>
    is("both copies of the superblock and the slot are looked at") ? [] : real.problems(...args)
  return { ...real, problems }
})

// ---- the damage

const PAGE = 512
/** /folder (2) with notes (3 to 32), /run (33), /parts (34): a names tree of two levels, and files of every form. */
const RUN = 33
const NOTE = 10

const make = (): Volume => {
  const volume = new Volume()
  const folder = volume.folder(Inode.ROOT, "folder")
  for (let i = 0; i < 30; i++) volume.note(folder, `note ${i}`, "x".repeat(60))
  volume.file(Inode.ROOT, "run", [noise(1, 700)])
  volume.file(Inode.ROOT, "parts", [noise(2, PAGE + 7), 5000, noise(3, 10)])
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

interface Damage {
  /** It is seen only while all of these are kept. */
  readonly rules: ReadonlyArray<Rule>
  readonly what: string
  readonly damage: (volume: Volume) => void
  /** The code of the problem. */
  readonly code: string
}

const table: ReadonlyArray<Damage> = [
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
    rules: ["everything is reached from the root folder"],
    what: "a file without a name",
    damage: (volume) => {
      volume.remove(Inode.entryKey(2, utf8("note 5")))
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

/** What a deep check and a look at superblocks and slot say. */
const codesOf = (volume: Volume): ReadonlySet<string> => {
  const { binding, head, superblock } = volume
  const places = CheckPlaces.wanted(superblock, head.root).map(({ address }) => volume.pages(address, 1))
  const found = [...volume.check().problems, ...CheckPlaces.problems(binding, superblock, head.root, places)]
  return new Set(found.map(({ code }) => code))
}

/** The damage that the check does not see. */
const missed = (): ReadonlyArray<Damage> =>
  table.filter(({ code, damage }) => {
    const volume = make()
    // It is done by sound tools.
    const { rule } = broken
    broken.rule = undefined
    damage(volume)
    broken.rule = rule
    return !codesOf(volume).has(code)
  })

const figures: Record<string, unknown> = { test: "broken checks" }

describe("the check", () => {
  afterEach(() => {
    broken.rule = undefined
  })
  afterAll(() => report(figures))

  it("has nothing to say of the sound volume, and sees all damage, with all rules kept", () => {
    assert.deepStrictEqual([...codesOf(make())], [])
    assert.deepStrictEqual(missed(), [])
  })

  it.each([...new Set(table.flatMap(({ rules }) => rules))])(
    "misses what it is there for, and that alone, without: %s",
    (rule) => {
      broken.rule = rule
      const blind = missed()
      figures[rule] = blind.map(({ code }) => code).join(", ")
      assert.deepStrictEqual(
        blind.map(({ what }) => what),
        table.filter(({ rules }) => rules.includes(rule)).map(({ what }) => what)
      )
      assert.deepStrictEqual([...codesOf(make())], [], "it has nothing to say of the sound volume")
    }
  )
})
