/**
 * Send streams as bytes and as records: what is written is read again, whatever is read is records or nothing, and whatever the
 * records ask for is done or refused.
 */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Inode from "../../src/core/Inode.ts"
import { CleanPages } from "../../src/core/Pages.ts"
import * as Path from "../../src/core/Path.ts"
import * as Receiving from "../../src/core/Receiving.ts"
import * as Sending from "../../src/core/Sending.ts"
import type { Snapshot } from "../../src/core/Snapshots.ts"
import * as Table from "../../src/core/Table.ts"
import * as Tables from "../../src/core/Tables.ts"
import * as Transfer from "../../src/core/Transfer.ts"
import { Random } from "../../src/testing/Random.ts"
import * as FilesCheck from "./FilesCheck.ts"
import { parameters, scaled } from "./propertyRuns.ts"
import { TestFiles } from "./TestFiles.ts"
import { checksum } from "./TestVolume.ts"
import * as TransferRecords from "./TransferRecords.ts"

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const noise = (size: number, seed: number): Uint8Array => new Random(seed).bytes(size)

/** A frame of any bytes. */
const frameOf = (body: Uint8Array): Uint8Array => {
  const frame = new Uint8Array(Transfer.LENGTH_BYTES + body.length + Transfer.DIGEST_BYTES)
  frame.set(body, Transfer.LENGTH_BYTES)
  return frame
}

const bodyOf = (frame: Uint8Array): Uint8Array => frame.slice(Transfer.LENGTH_BYTES, -Transfer.DIGEST_BYTES)
const byteCountOf = (records: ReadonlyArray<Transfer.Record>): number =>
  records.reduce((sum, record) => sum + Transfer.byteCount(record), 0)

describe("a frame", () => {
  it("gives back the records that were written", () => {
    fc.assert(
      fc.property(fc.array(TransferRecords.any, { maxLength: 8 }), fc.uint8Array(), (records, before) => {
        const frame = Transfer.frame(checksum, before, records)
        assert.strictEqual(frame.length, Transfer.LENGTH_BYTES + byteCountOf(records) + Transfer.DIGEST_BYTES)
        assert.strictEqual(Transfer.frameBytes(frame), records.length === 0 ? undefined : frame.length)
        assert.isTrue(Transfer.follows(checksum, before, frame))
        assert.deepStrictEqual(Transfer.records(frame), records)
      }),
      parameters(2000)
    )
  })

  it("is records or nothing, whatever bytes it has, and its records are no more than these", () => {
    const seen = { records: 0, nothing: 0 }
    const someBytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      // Those of records, of which some are others, or cut off.
      fc
        .tuple(fc.array(TransferRecords.any, { minLength: 1, maxLength: 4 }), fc.nat(), fc.boolean())
        .map(([records, seed, isCut]) => {
          const random = new Random(seed)
          const body = bodyOf(Transfer.frame(checksum, new Uint8Array(0), records))
          for (let i = random.below(3); i > 0; i--) body[random.below(Math.min(60, body.length))] = random.below(256)
          return isCut ? body.subarray(0, random.below(body.length)) : body
        })
    )
    fc.assert(
      fc.property(someBytes, (body) => {
        const records = Transfer.records(frameOf(body))
        seen[records === undefined ? "nothing" : "records"]++
        if (records !== undefined) assert.strictEqual(byteCountOf(records), body.length)
      }),
      parameters(5000)
    )
    assert.isAbove(Math.min(seen.records, seen.nothing), scaled(500))
  })

  it("has a length that is possible, or is none", () => {
    const head = (count: number): Uint8Array => new Uint8Array(Uint32Array.of(count).buffer)
    assert.isUndefined(Transfer.frameBytes(head(0)))
    assert.isUndefined(Transfer.frameBytes(head(Transfer.FRAME_BYTES_MAX + 1)))
    assert.isUndefined(Transfer.frameBytes(head(0xffffffff)))
    assert.strictEqual(Transfer.frameBytes(head(1)), 13)
  })
})

// ---- records that are applied

const first = (pageBytes: number): TestFiles => {
  const files = new TestFiles({ pageBytes, pageCount: 4096 })
  files.folder("/folder")
  files.file("/folder/short", utf8("short"))
  files.file("/long", noise(30_000, 1))
  files.file("/gone", noise(5000, 2))
  files.symbolicLink("/link", "/folder/short")
  files.volume.run((draft) => Tables.put(draft, utf8("table"), utf8("k"), utf8("value")))
  files.volume.run((draft) => Tables.put(draft, utf8("table"), utf8("long"), noise(4000, 3)))
  files.volume.commit()
  return files
}

const second = (files: TestFiles): void => {
  files.unlink("/gone")
  files.file("/new", noise(9000, 4))
  files.file("/folder/more", utf8("more"))
  files.rename("/folder/short", "/shorter")
  files.volume.run((draft) => Tables.put(draft, utf8("table"), utf8("long"), noise(3000, 5)))
  files.volume.run((draft) => Tables.put(draft, utf8("other"), utf8(""), noise(80, 6)))
  files.volume.commit()
}

const snapshotOf = ({ volume }: TestFiles): Snapshot => {
  const { generation, roots } = volume.head.root.record
  const { inodeCount, names, nextInode } = roots
  return { generation, id: noise(16, generation), name: utf8("s"), time: BigInt(0), nextInode, inodeCount, names }
}

/** What leads from one state to another, without the header. */
const recordsOf = (files: TestFiles, from: Snapshot | undefined, to: Snapshot): ReadonlyArray<Transfer.Record> => {
  const { volume } = files
  const pages = new CleanPages(volume.layout, volume.source)
  const read = <A>(f: (clean: CleanPages) => A): A => volume.read(() => f(pages), pages)
  let { records, state } = read((clean) => Sending.begin(clean, noise(16, 0), from, to))
  while (!state.isDone) {
    const before = state
    const step = read((clean) => Sending.step(clean, before))
    records = [...records, ...step.records]
    state = step.state
  }
  return records.slice(1)
}

/** Applies records in the draft of a volume; answers why they were refused, if they were. */
const apply = ({ volume }: TestFiles, records: ReadonlyArray<Transfer.Record>): string | undefined => {
  let state = Receiving.BEGIN
  for (const record of records) {
    for (let isDone = false, steps = 0; !isDone; steps++) {
      assert.isBelow(steps, 1000, "a record is done at some time")
      const before = state
      const applied = volume.run((draft) => Receiving.apply(draft, before, record))
      if (applied._tag === "Refused") return applied.reason
      ;({ isDone, state } = applied)
    }
  }
  return undefined
}

describe("records", () => {
  for (const pageBytes of [512, 4096]) {
    it(`lead to the state that they were made of: pages of ${pageBytes}`, () => {
      const source = first(4096)
      const from = snapshotOf(source)
      second(source)
      const records = recordsOf(source, from, snapshotOf(source))
      const replica = first(pageBytes)
      assert.isUndefined(apply(replica, records))
      const { inodeCount } = source.volume.draft.roots
      replica.volume.draft.roots = { ...replica.volume.draft.roots, inodeCount, nextInode: 100 }
      FilesCheck.check(replica.volume)
      assert.strictEqual(replica.volume.commit(), "Plan")
    })

    it(`are applied or refused, whatever they ask for: pages of ${pageBytes}`, () => {
      const source = first(pageBytes)
      const from = snapshotOf(source)
      second(source)
      const to = snapshotOf(source)
      const streams = [recordsOf(source, from, to), recordsOf(source, undefined, to)]
      let replica = first(pageBytes)
      const reasons = new Map<string, number>()
      fc.assert(
        fc.property(fc.nat(), (seed) => {
          const random = new Random(seed)
          const reason = apply(replica, TransferRecords.spoiled(random, streams[random.below(2)])) ?? "applied"
          const kind = reason.replaceAll(/\d+/g, "N")
          reasons.set(kind, (reasons.get(kind) ?? 0) + 1)
          if (random.chance(0.3)) {
            // Whatever came of it, every page has one owner, or is free.
            assert.strictEqual(replica.volume.commit(), "Plan")
            replica = first(pageBytes)
          } else replica.volume.rollback()
        }),
        parameters(800)
      )
      assert.isAbove(reasons.get("applied") ?? 0, scaled(100))
      assert.isAbove(reasons.size, 8)
    })
  }

  const refused = (record: Transfer.Record): string | undefined => apply(first(512), [record])
  const entry = Inode.encodeEntry({ number: 3, type: Inode.FILE })

  it("give nothing a name that it cannot have", () => {
    for (const name of ["..", "a/b", "../a", "a\0"]) {
      assert.match(refused({ _tag: "Put", key: Inode.entryKey(1, utf8(name)), value: entry }) ?? "", /name/)
    }
    assert.match(refused({ _tag: "Put", key: Inode.attributeKey(3, utf8("\0")), value: entry }) ?? "", /name/)
    const key = Inode.entryKey(1, Uint8Array.of(0xff))
    assert.match(refused({ _tag: "Put", key, value: entry }) ?? "", /UTF-8/)
    assert.isUndefined(refused({ _tag: "Put", key: Inode.entryKey(1, utf8("..a")), value: entry }))
  })

  it("do not touch what the volume keeps for itself", () => {
    const key = Table.tableKey(utf8("\0receive"))
    const value = Table.encode({ number: 70, count: 0 })
    assert.match(refused({ _tag: "Put", key, value }) ?? "", /keeps for itself/)
    assert.match(refused({ _tag: "Remove", key }) ?? "", /keeps for itself/)
  })

  it("make no symbolic link that is longer than a path", () => {
    const files = first(512)
    const head = new Uint8Array(Inode.AT_CONTENT)
    head.set([1, Inode.SYMBOLIC_LINK])
    const link = (size: number): Transfer.Record => {
      return { _tag: "Content", key: Inode.inodeKey(40), head, size, isPatch: false }
    }
    assert.isUndefined(apply(files, [link(Path.PATH_BYTES_MAX)]))
    assert.match(apply(files, [link(Path.PATH_BYTES_MAX + 1)]) ?? "", /longer than a path/)
  })
})
