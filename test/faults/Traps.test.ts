/**
 * The traps that the original fell into, each with a test of its name. See also `DraftTraps.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { assert, beforeAll, describe, it } from "vitest"
import * as Node from "../../src/core/Node.ts"
import * as RootSlots from "../../src/core/RootSlots.ts"
import * as Files from "../../src/shell/Files.ts"
import { Identity } from "../../src/shell/Identity.ts"
import * as KeyValue from "../../src/shell/KeyValue.ts"
import { Volume } from "../../src/shell/Volume.ts"
import { SECTOR_BYTES } from "../../src/testing/SectorArray.ts"
import { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import { noise } from "../core/CheckVolume.ts"
import { factsOf, prepare } from "../simulation/CrashVolume.ts"
import * as RootWalk from "../simulation/RootWalk.ts"
import { readTree, type Service } from "./FaultVolume.ts"
import * as Trap from "./TrapVolume.ts"

const { PAGE_BYTES } = Trap

beforeAll(() => prepare())

/** Fills a volume with files of several pages until it is full, and answers how many there are. */
const fill = (volume: Service, byteCount: number) =>
  Effect.gen(function* () {
    let count = 0
    while ((yield* Trap.tagOf(Files.writeFile(volume, `/full${count}`, noise(count, byteCount)))) === "success") count++
    return count
  })

describe("traps that the original fell into", () => {
  it("pages freed by a transaction were reused inside it, on a nearly full disk", async () => {
    const disk = new SimulatedDisk({ size: 96 * PAGE_BYTES })
    let breaches: ReadonlyArray<string> = []
    const tags: Array<string> = []
    await Trap.run(
      Trap.formatted(disk, (volume) =>
        Effect.gen(function* () {
          breaches = Trap.watched(disk)
          const count = yield* fill(volume, 3 * PAGE_BYTES)
          assert.isAbove(count, 8)
          for (let round = 0; round < 12; round++) {
            const before = yield* readTree(volume)
            const path = `/full${round % count}`
            // What is removed here is all that the rest of the transaction could be given.
            const replaced = Effect.gen(function* () {
              yield* Files.unlink(volume, path)
              yield* Files.writeFile(volume, path, noise(100 + round, 3 * PAGE_BYTES))
              yield* Files.writeFile(volume, `${path} again`, noise(200 + round, 2 * PAGE_BYTES))
            })
            tags.push(yield* Trap.tagOf(volume.transaction(replaced)))
            tags.push(yield* Trap.tagOf(Files.write(volume, path, 0, noise(round, 3 * PAGE_BYTES))))
            // A cut at once: all that was not synced is lost.
            const after = yield* readTree(volume)
            assert.isUndefined(
              yield* Trap.wrongIn(
                disk.crash(() => 0),
                after
              )
            )
            if (tags.at(-1) !== "success" && tags.at(-2) !== "success") assert.deepStrictEqual(after, before)
          }
        })
      )
    )
    assert.deepStrictEqual(breaches, [])
    assert.include(tags, "DiskFull")
    assert.include(tags, "success")
  })

  it("one torn root block made the whole disk unreadable", async () => {
    const disk = new SimulatedDisk({ size: 128 * PAGE_BYTES })
    const states = await Trap.run(
      Effect.gen(function* () {
        yield* Trap.formatted(disk, (volume) => Files.writeFile(volume, "/one", noise(1, 2000)))
        const before = yield* Trap.shown(disk)
        const left = yield* Trap.killed(disk, (volume) => Files.writeFile(volume, "/two", noise(2, 2000)))
        return { before, left, after: yield* Trap.shown(left) }
      })
    )
    const { after, before, left } = states
    const facts = factsOf(left)
    const { slots } = facts.superblock
    const [newest] = RootWalk.rootsOf(left, facts)
    const damages: ReadonlyArray<(bytes: Uint8Array) => void> = [
      (bytes) => bytes.fill(0),
      (bytes) => bytes.set(noise(3, PAGE_BYTES)),
      // One half of the record, and the other one.
      (bytes) => bytes.fill(0, 192),
      (bytes) => bytes.fill(0, 0, 192)
    ]
    for (const damage of damages) {
      for (let slot = 0; slot < slots.count; slot++) {
        const torn = left.fork()
        Trap.damagePage(torn, facts, RootSlots.pageOf(slots, slot), damage)
        const expected = slot === newest.record.slot ? before : after
        assert.isUndefined(await Trap.run(Trap.wrongIn(torn, expected)), `slot ${slot}`)
        // A writer opens it too, and loses nothing of it.
        const again = Trap.used(torn, (volume) => Files.writeFile(volume, "/three", noise(4, 700)))
        assert.strictEqual(await Trap.run(Trap.tagOf(again)), "success")
        const tree = await Trap.run(Trap.shown(torn))
        assert.strictEqual(tree.get("/one"), before.get("/one"))
      }
    }
  })

  it("the random id was 0 on a blank disk, so old files came back after a reformat", async () => {
    const disk = new SimulatedDisk({ size: 128 * PAGE_BYTES })
    const make = (name: string) =>
      Trap.formatted(disk, (volume) =>
        Effect.gen(function* () {
          for (let i = 0; i < 5; i++) yield* Files.writeFile(volume, `/${name}${i}`, noise(i, 1000))
          return volume.facts.volumeId
        })
      )
    // Not the ids that count, which the other tests have.
    const random = <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.provideService(effect, Identity, Identity.defaultValue())
    const first = await Trap.run(random(make("old")))
    const before = disk.image()
    const second = await Trap.run(random(Trap.formatted(disk, (volume) => Effect.succeed(volume.facts.volumeId))))
    for (const id of [first, second]) assert.isAbove(new Set(id).size, 4, "an id is random")
    assert.notDeepEqual(first, second)
    assert.notInclude([...(await Trap.run(Trap.shown(disk))).keys()].join(), "old")
    // Even where every other page of the earlier volume comes back: its roots, all of them younger, and what they name.
    const facts = factsOf(disk)
    const roots = RootWalk.rootsOf(disk, facts)
    const kept = [0, facts.superblock.slots.secondCopy, ...roots.map(({ page }) => page)]
    const { pages } = RootWalk.reach(disk, facts, roots[0])
    for (let page = 0; page < 128; page++) {
      const isReached = pages.some((start, i) => i % 2 === 0 && start <= page && page < pages[i + 1])
      if (kept.includes(page) || isReached) continue
      disk.damage(page * PAGE_BYTES, before.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES))
    }
    assert.deepStrictEqual([...(await Trap.run(Trap.shown(disk))).keys()], ["/"])
  })

  it("the free counter added ranges instead of sectors", async () => {
    const disk = new SimulatedDisk({ size: 512 * PAGE_BYTES })
    await Trap.run(
      Trap.formatted(disk, (volume) =>
        Effect.gen(function* () {
          const expectExact = Effect.gen(function* () {
            const { free } = yield* volume.statistics
            const { freePageCount, problems } = yield* volume.check({ deep: true })
            assert.deepStrictEqual(problems, [])
            assert.strictEqual(free, freePageCount * PAGE_BYTES)
            return free
          })
          const empty = yield* expectExact
          yield* Files.writeFile(volume, "/long", noise(1, 100 * PAGE_BYTES))
          assert.isAtLeast(empty - (yield* expectExact), 100 * PAGE_BYTES)
          yield* Files.write(volume, "/long", 40 * PAGE_BYTES, noise(2, 20 * PAGE_BYTES))
          yield* expectExact
          yield* Files.truncate(volume, "/long", 30 * PAGE_BYTES)
          yield* expectExact
          yield* Files.unlink(volume, "/long")
          assert.strictEqual(yield* expectExact, empty)
        })
      )
    )
  })

  it("reading marked the state dirty", async () => {
    const disk = new SimulatedDisk({ size: 256 * PAGE_BYTES })
    await Trap.run(Trap.formatted(disk, (volume) => Files.writeFile(volume, "/file", noise(1, 20 * PAGE_BYTES))))
    const read = (volume: Service) =>
      Effect.gen(function* () {
        yield* readTree(volume)
        yield* Files.readRange(volume, "/file", 700, 900)
        const file = yield* Files.open(volume, "/file", { flag: "r" })
        yield* file.read(10, new Uint8Array(3000))
      })
    let atOpening = disk.counts
    await Trap.run(
      Trap.used(
        disk,
        (volume) =>
          Effect.gen(function* () {
            atOpening = { ...disk.counts }
            const { generation } = yield* volume.statistics
            yield* read(volume)
            yield* volume.transaction(read(volume))
            yield* volume.view(read(volume))
            yield* volume.check({ deep: true })
            yield* volume.sync
            const statistics = yield* volume.statistics
            assert.strictEqual(statistics.generation, generation)
            assert.strictEqual(statistics.commits, 0)
          }),
        { cacheBytes: 0 }
      )
    )
    // Not even the close writes.
    assert.strictEqual(disk.counts.write, atOpening.write)
    assert.strictEqual(disk.counts.sync, atOpening.sync)
  })

  it("a partial read asserted on the size of the file, and gave heap memory past the end", async () => {
    const disk = new SimulatedDisk({ size: 256 * PAGE_BYTES })
    await Trap.run(
      Trap.formatted(disk, (volume) =>
        Effect.gen(function* () {
          for (const size of [0, 5, 400, 511, 512, 513, 5000]) {
            const path = `/file${size}`
            const content = noise(size, size)
            yield* Files.writeFile(volume, path, content)
            const file = yield* Files.open(volume, path, { flag: "r" })
            for (const offset of [0, 1, size - 1, size, size + 1, size + 600, 2 ** 40].filter((at) => at >= 0)) {
              for (const length of [0, 1, 100, 512, 6000]) {
                const expected = content.slice(offset, offset + length)
                assert.deepStrictEqual(yield* Files.readRange(volume, path, offset, length), expected)
                const target = new Uint8Array(length).fill(0xa5)
                assert.strictEqual(yield* file.read(offset, target), expected.length)
                assert.deepStrictEqual(target.subarray(0, expected.length), expected)
                assert.isTrue(target.subarray(expected.length).every((byte) => byte === 0xa5))
              }
            }
          }
          // What a file is lengthened by is zeros, whatever stood in its last page before.
          yield* Files.writeFile(volume, "/shrunk", noise(7, 900))
          yield* Files.truncate(volume, "/shrunk", 600)
          yield* Files.truncate(volume, "/shrunk", 1000)
          const shrunk = yield* Files.readFile(volume, "/shrunk")
          assert.deepStrictEqual(shrunk.subarray(0, 600), noise(7, 900).subarray(0, 600))
          assert.isTrue(shrunk.subarray(600).every((byte) => byte === 0))
        })
      )
    )
  })

  it("the whole directory was rewritten on each commit, and never checksummed", async () => {
    const disk = new SimulatedDisk({ size: 4096 * PAGE_BYTES })
    const name = (i: number) => `/a name that takes some room ${i}`
    await Trap.run(
      Trap.formatted(disk, (volume) =>
        Effect.gen(function* () {
          const all = Effect.forEach(Array.from({ length: 1000 }), (_, i) =>
            Files.writeFile(volume, name(i), noise(i, 9))
          )
          yield* volume.transaction(all)
          const before = yield* volume.statistics
          assert.isAbove(before.size - before.free, 200 * PAGE_BYTES)
          yield* Files.writeFile(volume, "/one more", noise(1, 9))
          const { pagesWritten } = yield* volume.statistics
          // The ways to its inode, its entry and its folder.
          assert.isAtMost(pagesWritten - before.pagesWritten, 16)
        })
      )
    )
    const facts = factsOf(disk)
    const [root] = RootWalk.rootsOf(disk, facts)
    const { pages } = RootWalk.reach(disk, facts, root)
    const nodes = pages.flatMap((start, i) =>
      i % 2 === 0 ? Array.from({ length: pages[i + 1] - start }, (_, j) => start + j) : []
    )
    const directory = nodes.filter((page) => Node.kind(RootWalk.pagesAt(disk, facts, page, 1)) === Node.TREE)
    assert.isAbove(directory.length, 100)
    for (let i = 0; i < directory.length; i += 20) {
      const rotten = disk.fork()
      Trap.damagePage(rotten, facts, directory[i], (bytes) => (bytes[300] ^= 1))
      assert.strictEqual(await Trap.run(Trap.tagOf(Trap.shown(rotten))), "Corrupt", `page ${directory[i]}`)
    }
  })

  it("opening re-read all file data, and reading after that checked nothing", async () => {
    const disk = new SimulatedDisk({ size: 16_384 * PAGE_BYTES })
    const content = noise(1, 6 * 1024 * 1024)
    const left = await Trap.run(
      Effect.gen(function* () {
        yield* Trap.formatted(disk, (volume) => Files.writeFile(volume, "/large", content))
        return yield* Trap.killed(disk, (volume) => Files.writeFile(volume, "/small", noise(2, 3000)))
      })
    )
    for (const kept of [disk, left]) {
      const device = kept.fork()
      let bytesRead = 0
      const { read } = device
      device.read = (ranges) => {
        for (const { bytes } of ranges) bytesRead += bytes.length
        return read.call(device, ranges)
      }
      await Trap.run(
        Trap.used(device, (volume) =>
          Effect.gen(function* () {
            assert.isBelow(bytesRead, 128 * 1024, "opening costs in proportion to the last commit")
            // Rot that comes after the opening is found by the read that meets it, and by no other one.
            const at = device
              .image()
              .findIndex((_, i) => i % PAGE_BYTES === 0 && holds(device, i, content, 3 * 1024 * 1024))
            device.damage(at, Uint8Array.of(content[3 * 1024 * 1024] ^ 1))
            assert.strictEqual(yield* Trap.tagOf(Files.readRange(volume, "/large", 3 * 1024 * 1024, 100)), "Corrupt")
            assert.deepStrictEqual(yield* Files.readRange(volume, "/large", 0, 5000), content.slice(0, 5000))
          })
        )
      )
    }
  })

  it("a write below a file silently deleted the file", async () => {
    const disk = new SimulatedDisk({ size: 256 * PAGE_BYTES })
    await Trap.run(
      Trap.formatted(disk, (volume) =>
        Effect.gen(function* () {
          const keys = yield* Effect.provide(
            Effect.map(KeyValue.KeyValue, (service) => service),
            Layer.provide(KeyValue.layer, Layer.succeed(Volume, volume))
          )
          yield* Files.writeFile(volume, "/file", noise(1, 2000))
          const before = yield* readTree(volume)
          const attempts = [
            keys.set("file/below", noise(2, 10)),
            keys.set("file/far/below", noise(2, 10)),
            keys.allocate("file/below", 10),
            Files.writeFile(volume, "/file/below", noise(2, 10)),
            Files.makeFolder(volume, "/file/below"),
            Files.makeFolder(volume, "/file/below", { recursive: true }),
            Files.symlink(volume, "to", "/file/below"),
            Files.link(volume, "/file", "/file/below"),
            Files.rename(volume, "/file", "/file/below")
          ]
          for (const attempt of attempts) {
            assert.strictEqual(yield* Trap.tagOf(attempt), "NotAFolder")
            assert.deepStrictEqual(yield* readTree(volume), before)
          }
        })
      )
    )
  })

  it("integers were host-endian, sizes 31-bit", async () => {
    const disk = new SimulatedDisk({ size: 256 * PAGE_BYTES })
    const ends = [2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 40 + 12_345, 2 ** 47]
    const mark = noise(1, 700)
    await Trap.run(
      Effect.gen(function* () {
        yield* Trap.formatted(disk, (volume) =>
          Effect.gen(function* () {
            for (const end of ends) yield* Files.writeFile(volume, `/${end}`, noise(3, 10))
            for (const end of ends) yield* Files.write(volume, `/${end}`, end - 300, mark)
          })
        )
        yield* Trap.used(disk, (volume) =>
          Effect.gen(function* () {
            for (const end of ends) {
              assert.strictEqual((yield* Files.stat(volume, `/${end}`)).size, end + 400)
              assert.deepStrictEqual(yield* Files.readRange(volume, `/${end}`, end - 300, 1000), mark)
              assert.deepStrictEqual(yield* Files.readRange(volume, `/${end}`, end - 310, 10), new Uint8Array(10))
            }
          })
        )
      })
    )
    // Little-endian on the disk, whatever the host is: by the offsets of docs/FORMAT.md.
    const facts = factsOf(disk)
    const [root] = RootWalk.rootsOf(disk, facts)
    const little = (bytes: Uint8Array, at: number, width: number): number =>
      bytes.subarray(at, at + width).reduceRight((value, byte) => value * 256 + byte, 0)
    const superblock = disk.peek(0, SECTOR_BYTES)
    assert.deepStrictEqual([...superblock.subarray(8, 16)], [1, 0, 0, 0, 0, 2, 0, 0])
    assert.strictEqual(little(superblock, 48, 6), 256)
    assert.strictEqual(little(superblock, 40, 6), facts.superblock.slots.secondCopy)
    assert.strictEqual(little(root.bytes, 56, 6), root.record.generation)
    assert.strictEqual(little(root.bytes, 136, 6), 256)
    assert.strictEqual(little(root.bytes, 144, 6), root.record.freeCount)
  })
})

/** Whether the page at `offset` of a disk holds what stands at `from` of `content`. */
const holds = (disk: SimulatedDisk, offset: number, content: Uint8Array, from: number): boolean =>
  Buffer.compare(disk.peek(offset, PAGE_BYTES), content.subarray(from, from + PAGE_BYTES)) === 0
