import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Bytes from "../../src/core/Bytes.ts"
import * as Commit from "../../src/core/Commit.ts"
import * as Content from "../../src/core/Content.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Inodes from "../../src/core/Inodes.ts"
import * as LongRuns from "../../src/core/LongRuns.ts"
import * as Node from "../../src/core/Node.ts"
import * as Settle from "../../src/core/Settle.ts"
import { Random } from "../../src/testing/Random.ts"
import { CommitRun } from "./CommitRun.ts"
import { parameters } from "./propertyRuns.ts"
import { TestVolume } from "./TestVolume.ts"

/** Adds a file and answers its number. */
const addFile = (run: CommitRun, bytes: Uint8Array): number =>
  run.volume.run((draft) => {
    const time = BigInt(1)
    const number = Inodes.nextNumber(draft)
    Inodes.put(draft, number, {
      type: Inode.FILE,
      mode: 0o644,
      links: 1,
      uid: 0,
      gid: 0,
      accessTime: time,
      modifyTime: time,
      changeTime: time,
      birthTime: time,
      size: bytes.length,
      content: Content.make(draft, bytes)
    })
    draft.roots = { ...draft.roots, nextInode: number + 1, inodeCount: draft.roots.inodeCount + 1 }
    return number
  })

const contentOf = (run: CommitRun, number: number): Uint8Array =>
  run.volume.read((pages) => {
    const inode = Inodes.get(pages, run.volume.names, number)!
    const target = new Uint8Array(inode.size)
    assert.strictEqual(Content.readInode(pages, inode, 0, target), inode.size)
    return target
  })

const longestRun = (run: CommitRun): number =>
  Commit.collect(run.volume.draft)
    .filter(({ kind }) => kind === Node.DATA)
    .reduce((longest, { node }) => Math.max(longest, node.length / 512), 0)

describe("LongRuns", () => {
  it("splits what is too long, in memory only, and changes no content", () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(1, 2, 7, 64), (seed, pagesMax) => {
        const random = new Random(seed)
        const run = new CommitRun({ seed: 1, pageBytes: 512, pageCount: 4000 })
        const sizes = [0, 10, 700, 5000, 512 * 8, 40_000, 90_001]
        const add = () => {
          const bytes = random.bytes(sizes[random.below(sizes.length)])
          return { number: addFile(run, bytes), bytes }
        }
        const settled = [add(), add()]
        assert.strictEqual(run.volume.commit(), "Plan")
        const files = [...settled, add(), add(), add(), add()]
        run.volume.run((draft) => LongRuns.split(draft, pagesMax))
        assert.isAtMost(longestRun(run), pagesMax)
        for (const { bytes, number } of files) assert.isTrue(Bytes.equal(contentOf(run, number), bytes))
        assert.strictEqual(run.volume.commit(), "Plan")
        run.volume.reopen()
        for (const { bytes, number } of files) assert.isTrue(Bytes.equal(contentOf(run, number), bytes))
      }),
      parameters(15)
    )
  })

  it("changes nothing where all runs are short enough", () => {
    const run = new CommitRun({ seed: 1, pageBytes: 512, pageCount: 4000 })
    addFile(run, new Uint8Array(5000).fill(1))
    const { changeCount, roots } = run.volume.draft
    run.volume.run((draft) => LongRuns.split(draft, 64))
    assert.strictEqual(run.volume.draft.changeCount, changeCount)
    assert.deepStrictEqual(run.volume.draft.roots, roots)
  })

  it("takes no content for a leaf of the names tree", () => {
    const run = new CommitRun({ seed: 1, pageBytes: 512, pageCount: 4000 })
    const { volume } = run
    const number = addFile(run, new Uint8Array(5000).fill(1))
    const { level, link } = volume.names
    const top = { link: link.slice(), kind: Node.TREE, level, names: true }
    const leaf = Settle.collect(volume.draft, [top]).find((place) => place.kind === Node.TREE && place.level === 0)
    // A file whose bytes are a leaf that has the number's rope, and the number is of a note by now.
    addFile(run, leaf!.node.slice())
    const bytes = new Uint8Array(60).fill(0xee)
    volume.run((draft) => {
      const inode = Inodes.get(draft, draft.roots.names, number)!
      Inodes.put(draft, number, { ...inode, size: bytes.length, content: { _tag: "Inline", bytes } })
    })
    volume.run((draft) => LongRuns.split(draft, 2))
    assert.deepStrictEqual(contentOf(run, number), bytes)
  })

  it("lets a file onto a volume that has no two free pages side by side", () => {
    const run = new CommitRun({ seed: 1, pageBytes: 512, pageCount: 3000, checking: 0.1 })
    const files: Array<number> = []
    // Single pages, each with a file of its own; then every second one goes.
    for (let full = false; !full && files.length < 2500;) {
      const made: Array<number> = []
      full =
        run.commit(() => {
          made.length = 0
          for (let i = 0; i < 20; i++) made.push(addFile(run, run.random.bytes(500)))
        }) !== "Plan"
      if (!full) files.push(...made)
    }
    assert.isAbove(files.length, 1000)
    for (let at = 0; at < 600; at += 10) {
      const tag = run.commit(() => {
        for (let i = at; i < at + 10; i += 2) {
          run.volume.run((draft) => {
            const inode = Inodes.get(draft, draft.roots.names, files[i])!
            Content.cutOff(draft, inode.content, 0)
            Inodes.remove(draft, files[i])
          })
        }
      })
      assert.strictEqual(tag, "Plan")
    }
    run.commitEmpty()
    run.commitEmpty()
    const bytes = run.random.bytes(512 * 40)
    const number = addFile(run, bytes)
    let plan = run.plan()
    const tags: Array<string> = [plan._tag]
    for (let most = 32; plan._tag === "Fragmented"; most /= 2) {
      const pagesMax = most
      assert.isAtLeast(pagesMax, 1)
      run.volume.run((draft) => LongRuns.split(draft, pagesMax))
      plan = run.plan()
      tags.push(plan._tag)
    }
    assert.strictEqual(tags[0], "Fragmented")
    if (plan._tag !== "Plan") return assert.fail(plan._tag)
    run.perform(plan)
    assert.isTrue(Bytes.equal(contentOf(run, number), bytes))
  })

  it("take for every run of several pages as many branches as its pieces need, and one for each that is there", () => {
    const { layout } = new TestVolume({ pageBytes: 512, pageCount: 100, isChecked: false })
    const { ropeFanout } = layout
    const place = (kind: number, pages: number): Settle.Places[number] => {
      const bytes = new Uint8Array(pages * 512)
      return { id: 1, node: bytes, kind, level: kind === Node.DATA ? 0 : 1, holder: bytes, at: 0 }
    }
    const growth = (...places: Settle.Places) => LongRuns.growth(layout, places)
    assert.strictEqual(growth(), 0)
    assert.strictEqual(growth(place(Node.ROPE, 1), place(Node.DATA, 1), place(Node.TREE, 1)), 0)
    assert.strictEqual(growth(place(Node.DATA, 2)), 3)
    assert.strictEqual(growth(place(Node.DATA, ropeFanout)), 2 + 2)
    assert.strictEqual(growth(place(Node.DATA, ropeFanout + 1)), 2 + 3)
    assert.strictEqual(growth(place(Node.DATA, 2), place(Node.ROPE, 1), place(Node.ROPE, 1), place(Node.DATA, 3)), 8)
  })
})
