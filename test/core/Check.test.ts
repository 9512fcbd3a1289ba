/**
 * The check as a whole: sound volumes have no problems, and bytes of any kind are found out and do no harm.
 */
import { assert, describe, it } from "vitest"
import * as Check from "../../src/core/Check.ts"
import * as Format from "../../src/core/Format.ts"
import type * as Pointer from "../../src/core/Pointer.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Node from "../../src/core/Node.ts"
import * as Superblock from "../../src/core/Superblock.ts"
import { chooser, noise, sha256, Volume, type VolumeOptions, xxh64 } from "./CheckVolume.ts"
import { FilesRun } from "./FilesRun.ts"
import { parameters, scaled } from "./propertyRuns.ts"

/** Files of every form, in a few folders. */
const fill = (volume: Volume, nameCount = 40): Volume => {
  const { pageBytes, runPagesMax } = volume.layout
  const runOf = (pages: number, less: number): number => Math.min(pages, runPagesMax) * pageBytes - less
  const folder = volume.folder(1, "folder")
  volume.note(folder, "note", "hello")
  volume.file(folder, "parts", [noise(1, runOf(2, 9)), 5000, noise(2, 10)])
  volume.file(folder, "deep", [[noise(3, 20), noise(4, pageBytes)], 777, [50, noise(5, runOf(3, 1))]])
  volume.file(1, "run", [noise(6, pageBytes)])
  volume.file(1, "hole", [700])
  volume.add(1, "symbolic", { type: Inode.SYMBOLIC_LINK, content: { _tag: "Inline", bytes: noise(7, 9) } })
  for (let i = 0; i < nameCount; i++) volume.note(folder, `name ${i}`, "x".repeat(40))
  return volume
}

const kinds: ReadonlyArray<readonly [string, VolumeOptions]> = [
  ["pages of 512 bytes", {}],
  ["pages of 4096 bytes", { pageBytes: 4096 }],
  ["pages of 65536 bytes", { pageBytes: 65536, pageCount: 128 }],
  ["SHA-256", { checksum: sha256 }],
  ["extended pointers", { extensionBytes: 7 }],
  ["addresses of six bytes", { pageCountMax: 2 ** 47 }],
  ["a free map of two levels", { pageCount: 9000 }],
  ["the smallest size", { pageCount: 16, pageBytes: 4096 }]
]

describe("Format", () => {
  it("leaves no superblock of an earlier volume where the second copy is looked for", () => {
    const early = new Volume({ pageCount: 256 })
    early.note(1, "secret", "of another time")
    const disk = new Uint8Array(1024 * 512)
    disk.set(early.disk)
    const { geometry } = early.superblock
    const again = Format.plan(
      {
        pageBytes: geometry.pageBytes,
        pageCount: 1024,
        devicePageCount: 1024,
        pageCountMax: 1024,
        extensionBytes: 0,
        volumeId: new Uint8Array(16).fill(8),
        sessionId: new Uint8Array(16),
        bootId: new Uint8Array(16),
        time: BigInt(3)
      },
      xxh64
    )
    const written = [...again.first, ...again.last].map(({ address }) => address)
    assert.strictEqual(new Set(written).size, written.length, "no page is written twice")
    for (const { address, bytes } of [...again.first, ...again.last]) disk.set(bytes, address * 512)
    const offsets = Array.from({ length: 20 }, (_, i) => 512 * 2 ** i).filter((offset) => offset < disk.length)
    const copies = offsets.filter(
      (offset) => !("_tag" in Superblock.decode(disk.subarray(offset, offset + 512), offset, [xxh64]))
    )
    assert.deepStrictEqual(copies, [again.superblock.slots.secondCopy * 512])
  })
})

describe("Check", () => {
  for (const [what, options] of kinds) {
    it(`has nothing to say of a sound volume with ${what}`, () => {
      const volume = new Volume(options)
      if (volume.pageCount > 16) fill(volume)
      for (const isDeep of [false, true]) {
        const report = volume.check(isDeep)
        assert.deepStrictEqual(report.problems, [])
        assert.strictEqual(report.problemCount, 0)
        assert.isTrue(report.isComplete)
        assert.strictEqual(report.freePageCount, volume.record.freeCount)
      }
    })
  }

  it("has nothing to say after any sequence of file operations", () => {
    let orphans = 0
    let inodes = 0
    for (let seed = 1; seed <= parameters(6).numRuns; seed++) {
      const unkindness = { forget: 0, abandon: 0 }
      const run = new FilesRun({
        seed,
        pageBytes: seed % 2 === 0 ? 512 : 4096,
        pageCount: 4000,
        steps: 300,
        unkindness
      })
      for (let step = 0; step < 300; step++) {
        run.step()
        if (step % 20 !== 19) continue
        const { volume } = run
        run.commit()
        const report = Check.run(
          {
            binding: volume.binding,
            slots: volume.superblock.slots,
            record: volume.head.root.record,
            devicePageCount: 4000,
            isDeep: true
          },
          (pointer) => volume.fetch(pointer)
        )
        assert.deepStrictEqual(report.problems, [], `seed ${seed}, step ${step}`)
        orphans += report.orphanCount
        inodes += report.fileCount + report.folderCount + report.symbolicLinkCount
      }
    }
    assert.isAbove(orphans, 0)
    assert.isAbove(inodes, scaled(500))
  })

  it("asks for all nodes, and for data only when it is deep", () => {
    const volume = fill(new Volume())
    const wanted = (isDeep: boolean): ReadonlyArray<string> => {
      const { binding, pageCount, record, slots } = volume
      const asked: Array<string> = []
      Check.run({ binding, slots, record, devicePageCount: pageCount, isDeep }, (pointer) => {
        asked.push(`${pointer.kind} ${pointer.address}`)
        return volume.pages(pointer.address, pointer.pageCount)
      })
      return asked.sort()
    }
    const all = volume.reached().map(({ pointer }) => `${pointer.kind} ${pointer.address}`)
    assert.deepStrictEqual(wanted(true), all.toSorted())
    assert.deepStrictEqual(wanted(false), all.filter((page) => !page.startsWith(`${Node.DATA} `)).sort())
  })

  it("asks for no more than 256 pages at a time", () => {
    const volume = fill(new Volume({ pageCount: 8000 }), 1)
    for (let i = 0; i < 20; i++) volume.file(1, `large ${i}`, [noise(i, 100 * 512)])
    const { binding, pageCount, record, slots } = volume
    let state = Check.begin({ binding, slots, record, devicePageCount: pageCount, isDeep: true })
    let largest = 0
    while (state._tag === "Checking") {
      largest = Math.max(largest, pagesOf(state.wanted))
      state = Check.loaded(
        state,
        state.wanted.map(({ address, pageCount: count }) => volume.pages(address, count))
      )
    }
    assert.isAbove(largest, 150)
    assert.isAtMost(largest, 256)
    assert.deepStrictEqual(state.report.problems, [])
  })

  it("finds every flipped bit of a page that the root reaches, and no other", () => {
    const volume = fill(new Volume(), 12)
    const choose = chooser(1)
    const used = new Set<number>()
    for (const { pointer } of volume.reached()) {
      for (let page = pointer.address; page < pointer.address + pointer.pageCount; page++) used.add(page)
    }
    for (let page = 0; page < volume.pageCount; page++) {
      for (let time = 0; time < 8; time++) {
        const at = page * 512 + choose(512)
        const bit = 1 << choose(8)
        volume.disk[at] ^= bit
        const { problems } = volume.check()
        assert.strictEqual(
          problems.some(({ code }) => code === "Checksum"),
          used.has(page)
        )
        assert.strictEqual(problems.length > 0, used.has(page))
        volume.disk[at] ^= bit
      }
    }
  })

  it("takes any bytes for pages", () => {
    const volume = fill(new Volume())
    const { binding, pageCount, record, slots } = volume
    for (let seed = 0; seed < 50; seed++) {
      const choose = chooser(seed)
      const report = Check.run({ binding, slots, record, devicePageCount: pageCount, isDeep: true }, (pointer) => {
        if (choose(4) > 0) return volume.pages(pointer.address, pointer.pageCount)
        return choose(3) === 0 ? undefined : noise(seed, choose(3) * 512)
      })
      assert.strictEqual(report.problemCount, report.problems.length)
    }
  })

  it("takes any bytes that are sealed with right checksums", () => {
    const codes: Record<string, number> = {}
    for (let seed = 0; seed < parameters(400).numRuns; seed++) {
      const choose = chooser(seed)
      const volume = fill(new Volume({ pageCount: 512 }), 30)
      for (let time = 0; time <= choose(3); time++) {
        const reached = volume.reached()
        const { pointer } = reached[choose(reached.length)]
        volume.damage(pointer.address, (page) => {
          for (let byte = 0; byte <= choose(4); byte++) {
            // The beginning and the end of a node hold most of its sense.
            const at =
              choose(3) === 0 ? choose(page.length) : choose(2) === 0 ? choose(40) : page.length - 1 - choose(120)
            page[at] = choose(2) === 0 ? choose(256) : page[at] ^ (1 << choose(8))
          }
        })
        // What makes no sense any more is not walked by the tool that damages.
        if (volume.check().problemCount > 0) break
      }
      for (const isDeep of [false, true]) {
        for (const { code } of volume.check(isDeep).problems) codes[code] = (codes[code] ?? 0) + 1
      }
    }
    console.log(JSON.stringify({ what: "sealed damage", ...codes }))
    for (const code of ["Structure", "Item", "KeyOrder", "DataTail", "LinkCount", "MissingInode"]) {
      assert.isAtLeast(codes[code] ?? 0, scaled(1), code)
    }
  })

  it("takes root records that make no sense", () => {
    const volume = fill(new Volume())
    const { binding, record, slots } = volume
    const load = (pointer: Pointer.Pointer) => volume.pages(pointer.address, pointer.pageCount)
    const links = [record.roots.names.link, noise(3, record.map.link.length)]
    for (const link of links) {
      for (const level of [0, 1, 2, 48]) {
        for (const pageCount of [16, 256, 2 ** 47]) {
          const report = Check.run(
            {
              binding,
              slots,
              record: {
                ...record,
                map: { ...record.map, pageCount, height: level, link: links[level % 2] },
                roots: { ...record.roots, names: { level, link }, deadlists: { level, link } }
              },
              devicePageCount: 256,
              isDeep: true
            },
            load
          )
          assert.isAbove(report.problemCount, 0)
        }
      }
    }
  })

  it("lists a thousand problems and counts the rest", () => {
    const volume = new Volume({ pageCount: 2000 })
    volume.commit((draft) => {
      draft.roots = { ...draft.roots, nextInode: 5000 }
    })
    for (let i = 0; i < 210; i++) volume.entry(1, `ghost ${i}`, { number: 10 + i, type: Inode.FILE })
    const few = volume.check()
    assert.strictEqual(few.problemCount, 210)
    assert.lengthOf(few.problems, 210)
    // Not through the root's page, which has no room for so many.
    const used = Array.from({ length: 900 }, (_, i) => [2 * i + 100, 2 * i + 101]).flat()
    const record = { ...volume.record, map: { ...volume.record.map, used } }
    volume.head = { ...volume.head, root: { ...volume.head.root, record } }
    const many = volume.check()
    assert.lengthOf(many.problems, 1000)
    assert.isAbove(many.problemCount, 1000)
  })
})

const pagesOf = (pointers: ReadonlyArray<Pointer.Pointer>): number =>
  pointers.reduce((sum, { pageCount }) => sum + pageCount, 0)
