/**
 * Records of a send stream: they lead to the state that they were made of, and whatever they ask for is done or refused.
 */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Content from "../../src/core/Content.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Path from "../../src/core/Path.ts"
import * as Receiving from "../../src/core/Receiving.ts"
import * as Table from "../../src/core/Table.ts"
import * as Tables from "../../src/core/Tables.ts"
import type * as Transfer from "../../src/core/Transfer.ts"
import { Random } from "../../src/testing/Random.ts"
import * as FilesCheck from "./FilesCheck.ts"
import { parameters, scaled } from "./propertyRuns.ts"
import { outcome, TestFiles } from "./TestFiles.ts"
import * as TransferRecords from "./TransferRecords.ts"
import { apply, first, noise, recordsOf, second, snapshotOf, utf8 } from "./TransferStates.ts"

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

  const PAGES = 1500
  const forms = (): TestFiles => {
    const files = new TestFiles({ pageBytes: 512, pageCount: 32_768, unkindness: { forget: 0.2, abandon: 0.2 } })
    for (const name of ["punched", "shorter", "longer", "inline", "gone", "same"]) {
      files.file(`/${name}`, noise(PAGES * 512, name.length))
    }
    files.file("/grown", utf8("a few bytes"))
    files.volume.run((draft) => Tables.put(draft, utf8("table"), utf8("shrunk"), noise(PAGES * 512, 9)))
    files.volume.run((draft) => Tables.put(draft, utf8("table"), utf8("gone"), noise(PAGES * 512, 10)))
    files.volume.commit()
    return files
  }

  /** All that a volume holds, by number of inode and by key. */
  const contents = (files: TestFiles): ReadonlyArray<unknown> => {
    const { volume } = files
    const entries = volume.read((pages) =>
      Tables.scan(
        pages,
        volume.names,
        utf8("table"),
        { from: undefined, to: undefined, isReverse: false },
        {
          countMax: 100,
          byteCountMax: 2 ** 30,
          hasValues: true
        }
      )
    )
    const inodes = Array.from({ length: 14 }, (_, i) => {
      const inode = files.inode(i + 2)
      if (inode === undefined) return undefined
      const bytes = new Uint8Array(inode.size)
      volume.read((pages) => Content.readInode(pages, inode, 0, bytes))
      return { ...inode, content: Buffer.from(bytes).toString("latin1") }
    })
    return [inodes, entries.entries]
  }

  it("lead to contents of every form, in pieces where they are long", () => {
    const source = forms()
    const before = snapshotOf(source)
    const { volume } = source
    const numberOf = (path: string): number => outcome(source.resolve(path)) as number
    const punch = (path: string, offset: number, count: number): void => {
      let at = offset
      while (at < offset + count) {
        const from = at
        const left = offset + count - from
        const punched = volume.run((draft) => Content.punch(draft, numberOf(path), from, left, source.time))
        at += outcome(punched) as number
      }
    }
    punch("/punched", 700, 1200 * 512)
    source.truncate(numberOf("/shorter"), 30_001)
    source.write(numberOf("/longer"), (PAGES + 9) * 512, "behind a hole")
    source.truncate(numberOf("/longer"), (PAGES + 90) * 512)
    while (
      outcome(volume.run((draft) => Content.replace(draft, numberOf("/inline"), utf8("x"), source.time))) !== true
    );
    source.unlink("/gone")
    source.sweep(1000)
    source.write(numberOf("/grown"), 0, noise(5000, 20))
    source.write(numberOf("/same"), 300_000, "here and there")
    while (!volume.run((draft) => Tables.put(draft, utf8("table"), utf8("shrunk"), utf8("y"))));
    while (volume.run((draft) => Tables.remove(draft, utf8("table"), utf8("gone"))) === "More");
    source.file("/new", noise(100_000, 21))
    source.file("/empty")
    volume.commit()
    const after = snapshotOf(source)
    const records = recordsOf(source, before, after)
    const writtenBytes = records.reduce((sum, one) => sum + (one._tag === "Write" ? one.bytes.length : 0), 0)
    assert.isBelow(writtenBytes, 130_000, "what both have is not told")
    const replica = forms()
    assert.isUndefined(apply(replica, records))
    assert.deepStrictEqual(contents(replica), contents(source))
    assert.strictEqual(replica.volume.commit(), "Plan")
    const blank = new TestFiles({ pageBytes: 512, pageCount: 32_768 })
    assert.isUndefined(apply(blank, recordsOf(source, undefined, after)))
    assert.deepStrictEqual(contents(blank), contents(source))
    assert.strictEqual(blank.volume.commit(), "Plan")
  })

  it("take the counts of the header once all is applied, and ask for the snapshot", () => {
    const { volume } = first(512)
    const header: Transfer.Header = {
      _tag: "Header",
      volumeId: noise(16, 1),
      id: noise(16, 2),
      name: utf8("monday"),
      time: BigInt(5),
      nextInode: 90,
      inodeCount: 4,
      base: undefined
    }
    const { changeCount } = volume.draft
    assert.isUndefined(volume.run((draft) => Receiving.finish(draft, header)))
    const { inodeCount, nextInode, pending } = volume.draft.roots
    assert.deepStrictEqual([inodeCount, nextInode], [4, 90])
    assert.deepStrictEqual(pending.snapshot, { id: header.id, name: header.name, time: header.time })
    assert.isAbove(volume.draft.changeCount, changeCount)
    assert.deepStrictEqual(
      volume.run((draft) => Receiving.finish(draft, { ...header, nextInode: 3 })),
      { name: header.name, isPending: true }
    )
    assert.strictEqual(volume.draft.roots.nextInode, 90, "numbers do not come back")
  })

  it("know an empty volume: it may have tables of its own", () => {
    const isEmpty = ({ volume }: TestFiles): boolean => volume.read((pages) => Receiving.isEmpty(pages, volume.names))
    const files = new TestFiles({ pageBytes: 512 })
    assert.isTrue(isEmpty(files))
    files.volume.run((draft) => Tables.create(draft, utf8("\0own")))
    assert.isTrue(isEmpty(files))
    files.volume.run((draft) => Tables.create(draft, utf8("table")))
    assert.isFalse(isEmpty(files))
    const other = new TestFiles({ pageBytes: 512 })
    other.file("/f")
    assert.isFalse(isEmpty(other))
  })

  const head = (type: number): Uint8Array => {
    const bytes = new Uint8Array(Inode.AT_CONTENT)
    bytes.set([1, type])
    return bytes
  }
  const content = (size: number, changes: object = {}): Transfer.Record => ({
    _tag: "Content",
    key: Inode.inodeKey(40),
    head: head(Inode.FILE),
    size,
    isPatch: false,
    ...changes
  })
  const inodeOf = (type: Inode.Type): Uint8Array => {
    const files = first(512)
    const path = type === Inode.FOLDER ? "/folder" : "/folder/short"
    return Inode.encode(files.inode(outcome(files.resolve(path)) as number) ?? assert.fail())
  }
  const write = (offset: number, count: number): Transfer.Record => ({
    _tag: "Write",
    offset,
    bytes: new Uint8Array(count)
  })
  const long = (): number => outcome(first(512).resolve("/long")) as number
  const refusals: ReadonlyArray<readonly [string, () => ReadonlyArray<Transfer.Record>, RegExp | undefined]> = [
    ["a write to nothing", () => [write(0, 1)], /writes to no content/],
    ["a write to the end", () => [content(9), write(4, 5)], undefined],
    ["a write behind the end", () => [content(9), write(5, 5)], /writes after the end/],
    [
      "a write after another item",
      () => [content(9), { _tag: "Remove", key: Inode.inodeKey(40) }, write(0, 1)],
      /to no/
    ],
    ["a hole in nothing", () => [{ _tag: "Hole", offset: 0, count: 1 }], /punches no content/],
    ["a hole to the end", () => [content(9), { _tag: "Hole", offset: 4, count: 5 }], undefined],
    ["a hole behind the end", () => [content(9), { _tag: "Hole", offset: 5, count: 5 }], /punches after the end/],
    ["a second header", () => [{ _tag: "Header" } as Transfer.Header], /second header/],
    ["an end", () => [content(9), { _tag: "End", recordCount: 2 }], undefined],
    ["an end that counts wrong", () => [{ _tag: "End", recordCount: 7 }], /should have 7 records, and has 1/],
    ["a removal of nothing", () => [{ _tag: "Remove", key: Inode.inodeKey(70) }], /removes what is not there/],
    ["a change of nothing", () => [content(9, { isPatch: true })], /changes content that is not there/],
    ["a head that is short", () => [content(9, { head: new Uint8Array(5) })], /head of a content/],
    [
      "a key that is short",
      () => [content(9, { key: new Uint8Array(3), head: new Uint8Array(0) })],
      /head of a content/
    ],
    ["an entry with a head", () => [content(9, { key: Table.entryKey(7, utf8("k")) })], /head of a content/],
    [
      "an entry without one",
      () => [content(9, { key: Table.entryKey(7, utf8("k")), head: new Uint8Array(0) })],
      undefined
    ],
    ["a folder with content", () => [content(9, { head: head(Inode.FOLDER) })], /can have none/],
    [
      "content of an attribute",
      () => [content(9, { key: Inode.attributeKey(3, utf8("a")), head: new Uint8Array(0) })],
      /can have none/
    ],
    ["a file without content", () => [{ _tag: "Put", key: Inode.inodeKey(41), value: inodeOf(Inode.FILE) }], /without/],
    ["a folder", () => [{ _tag: "Put", key: Inode.inodeKey(41), value: inodeOf(Inode.FOLDER) }], undefined],
    [
      "an entry of a table without content",
      () => [
        {
          _tag: "Put",
          key: Table.entryKey(7, utf8("k")),
          value: Table.encodeEntry({ _tag: "Inline", bytes: utf8("v") })
        }
      ],
      /without/
    ],
    [
      "a folder for a long file",
      () => [{ _tag: "Put", key: Inode.inodeKey(long()), value: inodeOf(Inode.FOLDER) }],
      /a file becomes a folder/
    ],
    ["an item that is too large", () => [{ _tag: "Put", key: new Uint8Array(9), value: new Uint8Array(9000) }], /fit/]
  ]
  for (const [name, records, reason] of refusals) {
    it(`are looked at before they change anything: ${name}`, () => {
      const answer = apply(first(512), records())
      if (reason === undefined) assert.isUndefined(answer)
      else assert.match(answer ?? "applied", reason)
    })
  }
})
