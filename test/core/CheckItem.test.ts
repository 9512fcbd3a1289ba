/**
 * Items against the core's own reading of them, and UTF-8 against the platform's.
 */
import { assert, describe, it } from "vitest"
import * as CheckItem from "../../src/core/CheckItem.ts"
import * as Content from "../../src/core/Content.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Layout from "../../src/core/Layout.ts"
import * as Table from "../../src/core/Table.ts"
import { parameters, scaled } from "./propertyRuns.ts"
import { chooser, inodeItem, utf8 } from "./CheckVolume.ts"

const layout = Layout.make({ pageBytes: 4096, addressBytes: 4, checksumBytes: 8, extensionBytes: 0 })

const read = (key: Uint8Array, value: Uint8Array): CheckItem.Item => {
  const bytes = new Uint8Array([9, ...key, ...value, 9])
  return CheckItem.read(layout, bytes, 1, 1 + key.length, 1 + key.length + value.length)
}

const isUtf8 = (bytes: Uint8Array): boolean => {
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

describe("CheckItem", () => {
  it("reads what the core writes", () => {
    const number = 0x010203040506
    assert.deepInclude(
      read(Inode.inodeKey(number), inodeItem({ links: 7, size: 3, content: { _tag: "Inline", bytes: utf8("abc") } })),
      {
        _tag: "Inode",
        number,
        type: Inode.FILE,
        links: 7,
        size: 3,
        ropeAt: -1
      }
    )
    const encoded = new Uint8Array(7 + layout.pointerBytes)
    encoded.set([1, 2, 3, 4, 5, 6, 7])
    const size = 0x060504030201
    const rope = read(Inode.inodeKey(number), inodeItem({ size, content: { _tag: "Rope", size, encoded } }))
    assert.deepInclude(rope, { _tag: "Inode", size, ropeLevel: 7, ropeAt: 1 + 7 + 55 })
    assert.deepInclude(read(Inode.entryKey(number, utf8("n")), Inode.encodeEntry({ number: 5, type: Inode.FOLDER })), {
      _tag: "Entry",
      folder: number,
      name: utf8("n"),
      number: 5,
      type: Inode.FOLDER,
      nameFault: undefined
    })
    assert.deepInclude(read(Inode.attributeKey(number, utf8("n")), utf8("x")), { _tag: "Attribute", number })
    assert.deepEqual(read(Inode.orphanKey(number), utf8("")), { _tag: "Orphan", number })
    assert.deepEqual(read(Table.tableKey(utf8("n")), Table.encode({ number, count: size })), {
      _tag: "Table",
      name: utf8("n"),
      nameFault: undefined,
      number,
      count: size
    })
    const key = Table.entryKey(number, utf8("k"))
    const value = Table.encodeEntry({ _tag: "Inline", bytes: utf8("abc") })
    const inline = { _tag: "TableEntry", number, size: 3, ropeLevel: 0, ropeAt: -1 } as const
    assert.deepEqual(read(key, value), inline)
    assert.deepEqual(read(key, Table.encodeEntry({ _tag: "Rope", size, encoded })), {
      ...inline,
      size,
      ropeLevel: 7,
      ropeAt: 1 + 8 + 8
    })
  })

  it("accepts of any bytes only what the core accepts", () => {
    const choose = chooser(5)
    let accepted = 0
    for (let time = 0; time < parameters(20_000).numRuns; time++) {
      const key = [
        Inode.inodeKey(3),
        Inode.entryKey(3, utf8("n")),
        Inode.attributeKey(3, utf8("n")),
        Inode.orphanKey(3),
        Table.tableKey(utf8("n")),
        Table.entryKey(3, utf8("k"))
      ][choose(6)]
      const encoded = new Uint8Array(7 + layout.pointerBytes)
      const value = [
        inodeItem({}),
        Inode.encodeEntry({ number: 5, type: Inode.FOLDER }),
        new Uint8Array(0),
        Table.encode({ number: 3, count: 4 }),
        Table.encodeEntry({ _tag: "Inline", bytes: utf8("value") }),
        Table.encodeEntry({ _tag: "Rope", size: 0, encoded })
      ][choose(6)]
      for (const bytes of [key, value])
        if (choose(2) === 0 && bytes.length > 0) bytes[choose(bytes.length)] = choose(choose(2) === 0 ? 5 : 256)
      const cut = choose(8) === 0 ? value.slice(0, choose(value.length + 1)) : value
      const item = read(key, cut)
      if (item._tag === "Bad") continue
      accepted++
      const known = Inode.decodeKey(key)
      assert.strictEqual(known._tag, item._tag)
      if (item._tag === "Inode") assert.strictEqual(Inode.decode(layout, cut, 0, cut.length).size, item.size)
      if (item._tag === "Table") assert.strictEqual(Table.decode(cut, 0, cut.length).number, item.number)
      if (item._tag === "TableEntry") {
        assert.strictEqual(Content.sizeOf(Table.decodeEntry(layout, cut, 0, cut.length)), item.size)
      }
      if (item._tag === "Entry") assert.strictEqual(Inode.decodeEntry(cut, 0, cut.length).number, item.number)
    }
    assert.isAbove(accepted, scaled(1000))
  })

  it("knows well-formed UTF-8", () => {
    for (const text of ["", "a", "\x7f\u0080\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}", "\u{feff}x"]) {
      assert.isTrue(CheckItem.isUtf8(utf8(text)))
    }
    const choose = chooser(2)
    const telling = [
      0, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff
    ]
    let good = 0
    for (let time = 0; time < parameters(100_000).numRuns; time++) {
      const bytes = Uint8Array.from({ length: choose(6) }, () => telling[choose(telling.length)])
      assert.strictEqual(CheckItem.isUtf8(bytes), isUtf8(bytes), bytes.toString())
      if (bytes.length > 2 && isUtf8(bytes)) good++
    }
    assert.isAbove(good, scaled(100))
  })
})
