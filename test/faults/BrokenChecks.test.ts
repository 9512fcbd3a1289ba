/**
 * The test of the check: each of its rules broken on its own, and the volumes that are damaged in this way, and no other ones,
 * pass it. So every rule is there for something, and `CheckDamage` notices when one is lost.
 *
 * Nothing in `src` knows of this: modules are replaced by broken ones, which are sound until a rule is switched off.
 */
import { afterAll, afterEach, assert, describe, it, vi } from "vitest"
import type * as CheckItemModule from "../../src/core/CheckItem.ts"
import type * as Binding from "../../src/core/Binding.ts"
import type * as CheckNamesModule from "../../src/core/CheckNames.ts"
import type * as CheckNodeModule from "../../src/core/CheckNode.ts"
import * as CheckPlaces from "../../src/core/CheckPlaces.ts"
import type * as CheckPointerModule from "../../src/core/CheckPointer.ts"
import type * as CheckSpaceModule from "../../src/core/CheckSpace.ts"
import type * as CheckTablesModule from "../../src/core/CheckTables.ts"
import type * as CheckWalkModule from "../../src/core/CheckWalk.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Node from "../../src/core/Node.ts"
import type { Volume } from "../core/CheckVolume.ts"
import { type Damage, damages, make, type Rule } from "./CheckDamage.ts"
import { report } from "./FaultVolume.ts"

const broken = vi.hoisted(() => ({ rule: undefined as string | undefined }))
const is = (rule: Rule): boolean => broken.rule === rule

vi.mock("../../src/core/Binding.ts", async (original) => {
  const real = await original<typeof Binding>()
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
      if (is("entries are compared with the parents of what they name")) {
        if (item._tag === "Parent") return
        if (item._tag === "Entry") super.add({ ...item, _tag: "Parent" }, address)
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

vi.mock("../../src/core/CheckTables.ts", async (original) => {
  const real = await original<typeof CheckTablesModule>()
  class CheckTables extends real.CheckTables {
    readonly #later: Array<readonly [CheckItemModule.TableItem, number]> = []
    readonly #entries = new Map<number, number>()

    override add(item: CheckItemModule.TableItem, address: number): void {
      if (is("the entries of a table are counted")) this.#later.push([item, address])
      else super.add(item, address)
    }

    override addEntry(number: number, address: number): void {
      this.#entries.set(number, (this.#entries.get(number) ?? 0) + 1)
      super.addEntry(number, address)
    }

    override finish(isComplete: boolean, isInode: (number: number) => boolean): void {
      // The items are believed.
      for (const [item, address] of this.#later) {
        super.add({ ...item, count: this.#entries.get(item.number) ?? 0 }, address)
      }
      super.finish(isComplete, isInode)
    }
  }
  return { ...real, CheckTables }
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

/** What a deep check and a look at superblocks and slot say. */
const codesOf = (volume: Volume): ReadonlySet<string> => {
  const { binding, head, superblock } = volume
  const places = CheckPlaces.wanted(superblock, head.root).map(({ address }) => volume.pages(address, 1))
  const found = [...volume.check().problems, ...CheckPlaces.problems(binding, superblock, head.root, places)]
  return new Set(found.map(({ code }) => code))
}

/** The damage that the check does not see. */
const missed = (): ReadonlyArray<Damage> =>
  damages.filter(({ code, damage }) => {
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

  it.each([...new Set(damages.flatMap(({ rules }) => rules))])(
    "misses what it is there for, and that alone, without: %s",
    (rule) => {
      broken.rule = rule
      const blind = missed()
      figures[rule] = blind.map(({ code }) => code).join(", ")
      assert.deepStrictEqual(
        blind.map(({ what }) => what),
        damages.filter(({ rules }) => rules.includes(rule)).map(({ what }) => what)
      )
      assert.deepStrictEqual([...codesOf(make())], [], "it has nothing to say of the sound volume")
    }
  )
})
