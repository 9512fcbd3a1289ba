/**
 * A rescue takes out everything that the damage does not touch, whole, and names the rest: with each page of a volume zeroed
 * in turn, with several, and with what stands in no tree gone.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { readUint48 } from "../../src/core/Bytes.ts"
import type { Checksum } from "../../src/core/Checksum.ts"
import * as Recovery from "../../src/core/Recovery.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Links from "../../src/core/Links.ts"
import * as Node from "../../src/core/Node.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import * as Superblock from "../../src/core/Superblock.ts"
import * as RopeItem from "../../src/core/RopeItem.ts"
import * as TreeNode from "../../src/core/TreeNode.ts"
import { BlockDevice } from "../../src/shell/BlockDevice.ts"
import * as Files from "../../src/shell/Files.ts"
import * as MemoryDevice from "../../src/shell/MemoryDevice.ts"
import * as Rescue from "../../src/shell/Rescue.ts"
import * as Volume from "../../src/shell/Volume.ts"
import { noise } from "../cli/HostFolder.ts"
import { checksum } from "../core/TestVolume.ts"

const PAGE_BYTES = 1024
const checksums: ReadonlyArray<Checksum> = [checksum]

const contents = new Map<string, Buffer>()
for (let folder = 0; folder < 4; folder++) {
  for (let file = 0; file < 12; file++)
    contents.set(`/folder${folder}/file${file}`, noise(file * 300, folder * 100 + file))
}
contents.set("/folder1/large", noise(220_000, 7))
contents.set("/top", noise(5000, 8))

const made = Effect.gen(function* () {
  const device = yield* MemoryDevice.make({ size: 1024 * 1024 })
  yield* Effect.scoped(
    Effect.gen(function* () {
      const volume = yield* Volume.open({ pageSize: PAGE_BYTES })
      for (let folder = 0; folder < 4; folder++) yield* Files.makeFolder(volume, `/folder${folder}`)
      for (const [path, bytes] of contents) yield* Files.writeFile(volume, path, bytes)
    })
  ).pipe(Effect.provideService(BlockDevice, device))
  return yield* device.image
})

interface Taken {
  readonly rescue: Rescue.Rescue
  /** Files that came out whole, by number, and where. */
  readonly whole: Map<number, { readonly path: string; readonly bytes: Buffer }>
  readonly damaged: Map<string, ReadonlyArray<Rescue.LostRange>>
}

const rescued = Effect.fnUntraced(function* (image: Uint8Array, options: Rescue.Options = {}) {
  const device = yield* MemoryDevice.make({ image, readOnly: true })
  const rescue = yield* Rescue.open(device, options)
  const taken: Taken = { rescue, whole: new Map(), damaged: new Map() }
  for (const item of rescue.items) {
    if (item.type !== "File" || !item.isFound) continue
    const bytes = Buffer.alloc(item.size)
    const lost = yield* rescue.content(item, (piece) => Effect.sync(() => bytes.set(piece.bytes, piece.offset)))
    if (lost.length === 0) taken.whole.set(item.number, { path: item.path, bytes })
    else {
      taken.damaged.set(item.path, lost)
      // What is there is right, and what is not there is said to be lost.
      const expected = contents.get(item.path)
      if (expected === undefined) continue
      const wanted = Buffer.from(expected)
      for (const { byteCount, offset } of lost) wanted.fill(0, offset, offset + byteCount)
      assert.isTrue(wanted.equals(bytes), `${item.path} is right but for what is lost`)
    }
  }
  return taken
})

/** For each page of the names tree and of contents the inodes that something under it belongs to. */
const underPages = (image: Uint8Array): Map<number, Set<number>> => {
  const superblock = Superblock.decode(image.subarray(0, 512), 0, checksums)
  if ("_tag" in superblock) throw new Error(superblock._tag)
  const binding = Superblock.binding(superblock, checksum)
  const { layout } = binding
  const page = (address: number, count = 1) => image.subarray(address * PAGE_BYTES, (address + count) * PAGE_BYTES)
  const slots = Array.from({ length: superblock.slots.count }, (_, i) => page(RootSlots.pageOf(superblock.slots, i)))
  const [root] = Recovery.roots(binding, superblock, slots)
  const under = new Map<number, Set<number>>()
  const mark = (above: ReadonlyArray<number>, number: number): void => {
    for (const address of above) {
      const set = under.get(address) ?? new Set()
      under.set(address, set.add(number))
    }
  }
  const visit = (
    bytes: Uint8Array,
    at: number,
    kind: number,
    level: number,
    above: ReadonlyArray<number>,
    of: number
  ): void => {
    const { address, pageCount } = Pointer.read(layout, bytes, at, kind, level)
    const trail = [...above, ...Array.from({ length: pageCount }, (_, i) => address + i)]
    if (of > 0) mark(trail, of)
    if (kind === Node.DATA) return
    const node = page(address)
    if (kind === Node.TREE && level === 0) {
      for (let slot = 0; slot < Node.count(node); slot++) {
        const cell = TreeNode.cellAt(node, slot)
        const keyAt = TreeNode.leafKeyAt(cell)
        const keyEnd = keyAt + TreeNode.keyBytes(node, cell)
        const key = Inode.decodeKey(node.slice(keyAt, keyEnd))
        if (key._tag === "Inode") {
          mark(trail, key.number)
          const rope = RopeItem.pointerAt(layout, node, keyAt, keyEnd, keyEnd + TreeNode.valueBytes(node, cell))
          if (rope < 0) continue
          const ropeLevel = RopeItem.level(node, rope)
          visit(node, rope, ropeLevel === 0 ? Node.DATA : Node.ROPE, ropeLevel, [], key.number)
        } else if (key._tag === "Entry") mark(trail, readUint48(node, keyEnd))
      }
    } else Links.forEach(layout, node, kind, level, false, (node_, at_, k, l) => visit(node_, at_, k, l, trail, of))
  }
  visit(root.record.roots.names.link, 0, Node.TREE, root.record.roots.names.level, [], 0)
  return under
}

const zeroed = (image: Uint8Array, ...pages: ReadonlyArray<number>): Uint8Array => {
  const damaged = image.slice()
  for (const page of pages) damaged.fill(0, page * PAGE_BYTES, (page + 1) * PAGE_BYTES)
  return damaged
}

/** Everything not under the pages is whole and in its place; everything else is whole, or named. */
const judge = (before: Taken, after: Taken, affected: ReadonlySet<number>): number => {
  const folders = new Map(before.rescue.items.map(({ number, path }) => [path, number]))
  const lost = [...after.rescue.lost.map(({ path }) => path), ...after.damaged.keys()]
  let lostCount = 0
  for (const [number, { bytes, path }] of before.whole) {
    const found = after.whole.get(number)
    const parent = path.slice(0, path.lastIndexOf("/")) || "/"
    if (!affected.has(number)) {
      assert.isDefined(found, `${path} is whole`)
      if (!affected.has(folders.get(parent) ?? 0)) assert.strictEqual(found?.path, path)
    }
    if (found !== undefined) assert.isTrue(bytes.equals(found.bytes))
    else {
      lostCount++
      const isNamed = [path, parent, "/", undefined].some((name) => lost.includes(name))
      assert.isTrue(isNamed, `${path} is named`)
    }
  }
  return lostCount
}

const quiet = Effect.provide(Layer.mergeAll(Logger.layer([])))

describe("a rescue", () => {
  it.effect("of a sound volume takes out all of it", () =>
    Effect.gen(function* () {
      const { damaged, rescue, whole } = yield* rescued(yield* made)
      assert.deepStrictEqual(rescue.lost, [])
      assert.strictEqual(damaged.size, 0)
      assert.strictEqual(whole.size, contents.size)
      for (const { bytes, path } of whole.values()) assert.isTrue(contents.get(path)?.equals(bytes))
    })
  )

  it.effect("takes out everything that is not under a page that is zeroed, each in turn", () =>
    Effect.gen(function* () {
      const image = yield* made
      const before = yield* rescued(image)
      const under = underPages(image)
      const counts = { pages: 0, harmless: 0, lostFiles: 0 }
      for (let page = 0; page < image.length / PAGE_BYTES; page++) {
        const after = yield* rescued(zeroed(image, page))
        const lostCount = judge(before, after, under.get(page) ?? new Set())
        counts.pages++
        counts.lostFiles += lostCount
        if (lostCount === 0) counts.harmless++
      }
      console.log(JSON.stringify({ test: "rescue, one page", ...counts, usedPages: under.size }))
      assert.isAbove(counts.lostFiles, 300)
    }).pipe(quiet)
  )

  it.effect("and with several pages, at random, the first superblock and the newest root gone", () =>
    Effect.gen(function* () {
      const image = yield* made
      const before = yield* rescued(image)
      const under = underPages(image)
      const used = [...under.keys()]
      const random = noise(4000, 99)
      for (let round = 0; round < 100; round++) {
        const pages = [1, 2, 3].map((i) => used[random.readUInt32LE((round * 3 + i) * 4) % used.length])
        const affected = new Set(pages.flatMap((page) => [...(under.get(page) ?? [])]))
        judge(before, yield* rescued(zeroed(image, 0, ...pages)), affected)
      }
    }).pipe(quiet)
  )

  it.effect("takes out the tables", () =>
    Effect.gen(function* () {
      const device = yield* MemoryDevice.make({ size: 192 * 1024 })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const volume = yield* Volume.open({ pageSize: PAGE_BYTES })
          yield* Files.writeFile(volume, "/file", noise(2000, 1))
          yield* volume.table("empty").create
          for (let i = 0; i < 40; i++) yield* volume.table("some").set(Uint8Array.of(i), noise(100 * i, i))
        })
      ).pipe(Effect.provideService(BlockDevice, device))
      const { damaged, rescue, whole } = yield* rescued(yield* device.image)
      assert.strictEqual(damaged.size, 0)
      assert.strictEqual(whole.size, 1)
      assert.deepStrictEqual(rescue.lost, [])
      assert.deepStrictEqual(
        rescue.tables.map(({ count, name }) => ({ count, name })),
        [
          { count: 0, name: "empty" },
          { count: 40, name: "some" }
        ]
      )
      const image = yield* device.image
      const entriesOf = Effect.fnUntraced(function* (damaged: Uint8Array) {
        const { rescue: of } = yield* rescued(damaged)
        const found = new Map<number, Uint8Array | undefined>()
        for (const table of of.tables) {
          yield* of.entries(table, ({ key, value }) => Effect.sync(() => found.set(key[0], value)))
        }
        return { found, lost: of.lost }
      })
      const { found } = yield* entriesOf(image)
      assert.deepStrictEqual([...found.keys()], [...Array(40).keys()])
      for (const [i, value] of found) assert.isTrue(noise(100 * i, i).equals(value ?? Buffer.from("lost")), `${i}`)
      // Each page gone in turn: what comes out is right, and what does not come out was lost or is told.
      let lostCount = 0
      for (let page = 1; page < image.length / PAGE_BYTES; page++) {
        const after = yield* entriesOf(zeroed(image, page))
        const missing = 40 - after.found.size
        if (missing > 0) assert.isNotEmpty(after.lost)
        lostCount += missing
        for (const [i, value] of after.found) {
          if (value === undefined) lostCount++
          else assert.isTrue(noise(100 * i, i).equals(value), `${i}`)
        }
      }
      assert.isAbove(lostCount, 40)
    })
  )

  it.effect("gives the state of an older root", () =>
    Effect.gen(function* () {
      const image = yield* made
      const { rescue } = yield* rescued(image)
      const { rescue: older, whole } = yield* rescued(image, { older: true })
      assert.strictEqual(older.root.generation, rescue.roots[1].generation)
      assert.strictEqual(whole.size, contents.size)
      const { rescue: asked } = yield* rescued(image, { generation: older.root.generation })
      assert.deepStrictEqual(asked.root, older.root)
      const none = yield* Effect.flip(rescued(image, { generation: 1_000_000 }))
      assert.match(none.message, /it has no root 1000000, only \d+, /)
    })
  )
})
