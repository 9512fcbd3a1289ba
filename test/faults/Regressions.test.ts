/**
 * What T6 has found: hostile images that once ended in a defect, or not at all.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { assert, describe, it, vi } from "vitest"
import * as Binding from "../../src/core/Binding.ts"
import { Draft } from "../../src/core/Draft.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Node from "../../src/core/Node.ts"
import * as TreeNode from "../../src/core/TreeNode.ts"
import { CorruptPage } from "../../src/core/Pages.ts"
import * as Files from "../../src/shell/Files.ts"
import type { VolumeError } from "../../src/shell/VolumeError.ts"
import { noise, Volume } from "../core/CheckVolume.ts"
import { ArrayDisk } from "./ArrayDisk.ts"
import { runFixed, type Service, withVolume } from "./FaultVolume.ts"
import { failureOf, makeSubject } from "./FlipSubject.ts"
import { Disk } from "../format/Disk.ts"
import { openDisk } from "../format/Opening.ts"
import { tagOf } from "./TrapVolume.ts"

/** The tag of the error that using the volume ends with, or "success". */
const ending = async (volume: Volume, use: (opened: Service) => Effect.Effect<unknown, VolumeError>) => {
  const disk = new ArrayDisk(volume.disk.slice())
  disk.callsMax = 5000
  const exit = await runFixed(
    Effect.exit(withVolume(disk.device, { format: "never" }, (opened) => Effect.asVoid(use(opened))))
  )
  if (Exit.isSuccess(exit)) return "success"
  const failure = failureOf(exit)
  return typeof failure === "string" ? failure : failure.reason._tag
}

describe("a hostile image", () => {
  it("in which a folder stands inside itself is walked to an end", async () => {
    const volume = new Volume()
    const outer = volume.folder(Inode.ROOT, "outer")
    const inner = volume.folder(outer, "inner")
    volume.entry(inner, "outer again", { number: outer, type: Inode.FOLDER })
    assert.strictEqual(await ending(volume, (opened) => Files.walk(opened, "/")), "Corrupt")
  })

  it("in which an orphan has names is not swept", async () => {
    const volume = new Volume()
    const file = volume.note(Inode.ROOT, "note", "named")
    volume.put(Inode.orphanKey(file), new Uint8Array(0))
    assert.strictEqual(await ending(volume, (opened) => Files.sweep(opened)), "Corrupt")
  })

  it("in which an orphan has no inode is not swept for ever", async () => {
    const volume = new Volume()
    volume.put(Inode.orphanKey(77), new Uint8Array(0))
    assert.strictEqual(await ending(volume, (opened) => Files.sweep(opened)), "Corrupt")
  })

  it("that has given all inode numbers gives no other", async () => {
    const volume = new Volume()
    volume.root({ roots: { ...volume.record.roots, nextInode: 2 ** 48 - 1 } })
    assert.strictEqual(await ending(volume, (opened) => Files.makeFolder(opened, "/folder")), "Corrupt")
  })

  it("that gives a number again has all that is needed before anything is made", async () => {
    for (const hasInode of [true, false]) {
      const volume = new Volume()
      const folder = volume.folder(Inode.ROOT, "folder")
      // The inode and its parents stand on pages far from each other.
      for (let i = 0; i < 60; i++) volume.note(folder, `note ${i}`, "x".repeat(60))
      if (!hasInode) volume.remove(Inode.inodeKey(folder))
      volume.root({ roots: { ...volume.record.roots, nextInode: folder } })
      const made = (opened: Service) => Files.makeFolder(opened, "/new")
      assert.strictEqual(await ending(volume, made), hasInode ? "Corrupt" : "success")
    }
  })

  it("in which two pointers of the last commit name one page is refused, and not written twice", async () => {
    const volume = new Volume()
    volume.file(Inode.ROOT, "file", [noise(1, 512), noise(2, 512)])
    const branch = volume.find(Node.ROPE, 1)
    volume.damage(branch.pointer.address, (page) => {
      const entry = volume.layout.ropeEntryBytes
      page.copyWithin(16 + entry + 6, 16 + 6, 16 + entry)
    })
    assert.strictEqual(await ending(volume, (opened) => Files.readFolder(opened, "/")), "Corrupt")
    // By FORMAT 12 D there is no step back from it: the root before is whole, and not taken.
    assert.throws(() => openDisk(new Disk(volume.disk)), /names a page twice/)
  })

  it("whose free map has superblocks and root slots as free never gets them written", async () => {
    const { secondCopy } = new Volume().slots
    for (const page of [0, 1, 3, secondCopy, secondCopy + 2]) {
      for (const isFolded of [false, true]) {
        for (const dirtyBytes of [undefined, 2048]) {
          const volume = new Volume()
          volume.note(Inode.ROOT, "note", "here")
          volume.mark([page, page + 1], false)
          if (isFolded) volume.foldMap([])
          const before = volume.pages(page, 1)
          const disk = new ArrayDisk(volume.disk.slice())
          disk.callsMax = 5000
          const tags = await runFixed(
            withVolume(disk.device, { format: "never", dirtyBytes }, (opened) =>
              Effect.gen(function* () {
                const tree = yield* Files.readFile(opened, "/note")
                const written = yield* tagOf(Files.writeFile(opened, "/large", noise(1, 60_000)))
                // Where there is no room for more than a change of what is there, too.
                const removed = yield* tagOf(Files.unlink(opened, "/note"))
                return [tree.length, written, removed]
              })
            )
          )
          assert.deepStrictEqual(tags, [4, "Corrupt", "Corrupt"], `page ${page}`)
          const isSlot = page !== 0 && page !== secondCopy
          const after = disk.bytes.slice(page * 512, (page + 1) * 512)
          // A slot may bear a root, and nothing else.
          if (isSlot && after.some((byte, at) => byte !== before[at]))
            assert.deepStrictEqual([...after.subarray(32, 36)], [0x31, 0x41, 0x4e, 0x52])
          else assert.deepStrictEqual(after, before)
        }
      }
    }
  })

  // No image is known any more that does so: an operation that has begun to change nodes has loaded all that it needs.
  it("would let go of the writer's permit if it failed a write half-way", async () => {
    const disk = new ArrayDisk((await makeSubject(true)).image)
    vi.spyOn(Draft.prototype, "createData").mockImplementation(() => {
      throw new CorruptPage(undefined, "forged")
    })
    const tags = await runFixed(
      withVolume(disk.device, { format: "never" }, (volume) =>
        Effect.gen(function* () {
          const seen: Array<string> = []
          yield* Files.walk(volume, "/")
          yield* Files.makeFolder(volume, "/new")
          const write = Effect.exit(Files.writeFile(volume, "/new/file", new Uint8Array(1500)))
          const exits: ReadonlyArray<Exit.Exit<unknown, VolumeError>> = [
            yield* write,
            yield* write,
            yield* Effect.exit(volume.transaction(write))
          ]
          for (const exit of exits) {
            const failure = failureOf(exit)
            seen.push(typeof failure === "string" ? failure.slice(0, 100) : failure.reason._tag)
          }
          return seen
        })
      )
    )
    vi.restoreAllMocks()
    assert.deepStrictEqual(tags, ["Corrupt", "Poisoned", "Poisoned"])
  })

  it("in which a page is named as nodes of two kinds gives it as neither of the wrong kind", async () => {
    const volume = new Volume()
    // The content of a file that calls itself a leaf with more items than a page can have.
    const leaf = noise(1, volume.layout.pageBytes)
    Node.clear(leaf, Node.TREE, 0)
    Node.setCount(leaf, 5000)
    volume.file(Inode.ROOT, "run", [leaf])
    for (let i = 0; i < 30; i++) volume.note(Inode.ROOT, `note ${i}`, "x".repeat(60))
    const { binding } = volume
    const run = volume.find(Node.DATA, 0).pointer
    volume.damage(volume.find(Node.TREE, 1).pointer.address, (root) => {
      const at = TreeNode.pointerAt(TreeNode.cellAt(root, Node.count(root) - 1))
      const place = { ...run, kind: Node.TREE, level: 0 }
      Binding.writePointer(binding, place, volume.pages(run.address, 1), root, at)
    })
    assert.strictEqual(volume.find(Node.TREE, 1).pointer.level, volume.record.roots.names.level)
    const used = (opened: Service): Effect.Effect<void, VolumeError> =>
      Effect.gen(function* () {
        // A part of a run: the whole is read past the cache.
        assert.deepStrictEqual(yield* Files.readRange(opened, "/run", 0, 100), leaf.slice(0, 100))
        // The page itself is refused, not what it would lead to.
        const exit = yield* Effect.exit(Files.stat(opened, "/note 29"))
        const failure = failureOf(exit)
        assert.deepInclude(typeof failure === "string" ? {} : failure.reason, { _tag: "Corrupt", address: run.address })
      })
    assert.strictEqual(await ending(volume, used), "success")
    assert.deepInclude(
      volume.check().problems.map(({ code }) => code),
      "Structure"
    )
  })
})
