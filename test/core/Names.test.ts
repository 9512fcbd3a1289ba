import { assert, describe, it } from "vitest"
import { outcome, TestFiles } from "./TestFiles.ts"

const populated = () => {
  const files = new TestFiles()
  for (const path of ["/a", "/a/b", "/a/b/c", "/d"]) files.folder(path)
  files.file("/a/f")
  files.symbolicLink("/d/toC", "/a/b/c")
  files.symbolicLink("/d/toF", "../a/f")
  files.symbolicLink("/d/toFolderOfF", "../a/f/.")
  files.symbolicLink("/d/toRoot", "/")
  files.symbolicLink("/d/toA", "../a/")
  files.symbolicLink("/d/dangling", "nowhere/x")
  files.symbolicLink("/d/loop", "loop")
  return files
}

describe("Names", () => {
  const files = populated()
  const at = (path: string, follow = true) => outcome(files.resolve(path, follow))
  const a = at("/a")
  const b = at("/a/b")
  const c = at("/a/b/c")
  const d = at("/d")
  const f = at("/a/f")

  it("begin at the root", () => {
    assert.deepStrictEqual(
      ["/", ".", "//", "..", "/../..", "a/.."].map((path) => at(path)),
      [1, 1, 1, 1, 1, 1]
    )
    assert.strictEqual(at("a/b"), b)
    assert.strictEqual(at(""), "NotFound")
  })

  it("go up along the folders that were passed", () => {
    assert.strictEqual(at("/a/b/c/../.."), a)
    assert.strictEqual(at("/d/toC/.."), b)
    assert.strictEqual(at("/d/toC/../../../d"), d)
    assert.strictEqual(at("/d/toRoot/.."), 1)
    assert.strictEqual(at("/a/f/.."), "NotAFolder")
    assert.strictEqual(at("/a/x/.."), "NotFound")
  })

  it("follow the last symbolic link where asked for", () => {
    assert.strictEqual(at("/d/toC"), c)
    assert.notStrictEqual(at("/d/toC", false), c)
    assert.strictEqual(at("/d/toC/", false), c)
    assert.strictEqual(at("/d/toC/.", false), c)
    assert.strictEqual(at("/d/toF"), f)
    assert.strictEqual(at("/d/toA/f"), f)
    assert.strictEqual(at("/d/dangling"), "NotFound")
    assert.isNumber(at("/d/dangling", false))
  })

  it("need a folder before a slash", () => {
    assert.strictEqual(at("/a/"), a)
    assert.strictEqual(at("/a/f/"), "NotAFolder")
    assert.strictEqual(at("/a/f/", false), "NotAFolder")
    assert.strictEqual(at("/a/f/."), "NotAFolder")
    assert.strictEqual(at("/a/f/./"), "NotAFolder")
    assert.strictEqual(at("/d/toF/"), "NotAFolder")
    assert.strictEqual(at("/d/toFolderOfF"), "NotAFolder")
    assert.strictEqual(at("/d/toA"), a)
  })

  it("lead through 40 symbolic links and no more", () => {
    assert.strictEqual(at("/d/loop"), "TooManySymbolicLinks")
    assert.strictEqual(at("/d/loop/x", false), "TooManySymbolicLinks")
    const chain = populated()
    chain.file("/l0")
    for (let i = 1; i <= 41; i++) chain.symbolicLink(`/l${i}`, `l${i - 1}`)
    assert.strictEqual(outcome(chain.resolve("/l40")), outcome(chain.resolve("/l0")))
    assert.strictEqual(outcome(chain.resolve("/l41")), "TooManySymbolicLinks")
    assert.isNumber(outcome(chain.resolve("/l41", false)))
  })
})
