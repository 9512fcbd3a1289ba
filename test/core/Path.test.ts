import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"
import * as Layout from "../../src/core/Layout.ts"
import * as Path from "../../src/core/Path.ts"
import { outcome } from "./TestFiles.ts"

const layout = Layout.make({ pageBytes: 4096, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 })
const small = Layout.make({ pageBytes: 512, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 })
const decoder = new TextDecoder()

const parts = (text: string) => {
  const path = Path.parse(layout, text)
  if (Result.isFailure(path)) return path.failure._tag
  const { components, isAbsolute, needsFolder } = path.success
  return [components.map((part) => decoder.decode(part)).join("|"), isAbsolute, needsFolder]
}

describe("Path", () => {
  it("is taken apart", () => {
    assert.deepStrictEqual(parts("/a/b"), ["a|b", true, false])
    assert.deepStrictEqual(parts("a//b///"), ["a|b", false, true])
    assert.deepStrictEqual(parts("/"), ["", true, true])
    assert.deepStrictEqual(parts("//"), ["", true, true])
    assert.deepStrictEqual(parts("./a/.././..a/...//."), [".|a|..|.|..a|...|.", false, false])
    assert.deepStrictEqual(parts("ä/日本/👍"), ["ä|日本|👍", false, false])
  })

  it("knows `.` and `..` by identity", () => {
    const path = Path.parse(layout, ".././x")
    if (Result.isFailure(path)) return assert.fail("it parses")
    assert.strictEqual(path.success.components[0], Path.UP)
    assert.strictEqual(path.success.components[1], Path.HERE)
  })

  it("refuses what cannot be a path", () => {
    assert.strictEqual(parts(""), "NotFound")
    assert.strictEqual(parts("a\0b"), "InvalidName")
    assert.strictEqual(parts("a/\ud800"), "InvalidName")
    assert.strictEqual(parts("\udc00\ud800"), "InvalidName")
    assert.strictEqual(parts(`/${"x".repeat(256)}`), "NameTooLong")
    assert.strictEqual(parts(`/${"ä".repeat(128)}`), "NameTooLong")
    assert.isArray(parts(`/${"ä".repeat(127)}x`))
    assert.isArray(parts("a/".repeat(2048)))
    assert.strictEqual(parts(`${"a/".repeat(2048)}a`), "PathTooLong")
  })

  it("takes names as long as the pages allow", () => {
    const max = 512 / 3 - 16 / 3 - small.pointerBytes - 4 - 13
    assert.isString(outcome(Path.parse(small, "x".repeat(Math.floor(max) + 1))))
    assert.isNotString(outcome(Path.parse(small, "x".repeat(Math.floor(max)))))
  })

  it("checks single names", () => {
    for (const text of ["", ".", "..", "a/b", "/", "a\0", "\ud800"]) {
      assert.strictEqual(outcome(Path.name(layout, text)), "InvalidName", JSON.stringify(text))
    }
    assert.strictEqual(outcome(Path.name(layout, "x".repeat(256))), "NameTooLong")
    assert.isNotString(outcome(Path.name(layout, "...")))
    assert.isNotString(outcome(Path.attributeName(layout, "user/x")))
    assert.strictEqual(outcome(Path.attributeName(layout, "")), "InvalidName")
  })

  it("takes any target of a symbolic link but none, NUL and one longer than a path", () => {
    assert.isNotString(outcome(Path.linkTarget("no/such//../thing/")))
    assert.isNotString(outcome(Path.linkTarget("x".repeat(4096))))
    assert.strictEqual(outcome(Path.linkTarget("x".repeat(4097))), "PathTooLong")
    assert.strictEqual(outcome(Path.linkTarget("")), "NotFound")
    assert.strictEqual(outcome(Path.linkTarget("\0")), "InvalidName")
  })
})
