import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"
import * as FileError from "../../src/core/FileError.ts"
import * as Path from "../../src/core/Path.ts"
import * as RealPath from "../../src/core/RealPath.ts"
import { outcome, TestFiles } from "./TestFiles.ts"

const real = (files: TestFiles, path: string) =>
  Result.flatMap(Path.parse(files.volume.layout, path), (parsed) =>
    files.volume.read((pages) => RealPath.resolve(pages, files.volume.names, parsed))
  )

const populated = () => {
  const files = new TestFiles()
  for (const path of ["/a", "/a/b", "/d"]) files.folder(path)
  files.file("/a/f")
  files.symbolicLink("/d/up", "../a/b")
  files.symbolicLink("/d/absolute", "/a")
  files.symbolicLink("/d/toFile", "../a/f")
  files.symbolicLink("/d/toFileAsFolder", "../a/f/")
  files.symbolicLink("/d/dangling", "nowhere")
  files.symbolicLink("/d/slash", "../a/")
  files.symbolicLink("/a/near", "b")
  return files
}

describe("RealPath", () => {
  const files = populated()
  const at = (path: string): string => {
    const found = outcome(
      Result.map(real(files, path), (names) => `/${names.map((name) => Buffer.from(name)).join("/")}`)
    )
    return found
  }

  it("is the path itself where no symbolic link is on it", () => {
    assert.strictEqual(at("/"), "/")
    assert.strictEqual(at("/a/b"), "/a/b")
    assert.strictEqual(at("a//b/."), "/a/b")
    assert.strictEqual(at("/a/f"), "/a/f")
  })

  it("goes up no further than the root", () => {
    assert.strictEqual(at("/.."), "/")
    assert.strictEqual(at("/../../a"), "/a")
    assert.strictEqual(at("/a/b/.."), "/a")
    assert.strictEqual(at("/a/b/../../d"), "/d")
  })

  it("leads through symbolic links, from where they stand or from the root", () => {
    assert.strictEqual(at("/d/up"), "/a/b")
    assert.strictEqual(at("/d/up/.."), "/a")
    assert.strictEqual(at("/d/absolute"), "/a")
    assert.strictEqual(at("/d/absolute/b"), "/a/b")
    assert.strictEqual(at("/d/absolute/../d"), "/d")
    assert.strictEqual(at("/d/toFile"), "/a/f")
    assert.strictEqual(at("/d/slash/f"), "/a/f")
    assert.strictEqual(at("/a/near"), "/a/b")
  })

  it("needs what is there, and folders on the way", () => {
    assert.deepStrictEqual(real(files, "/a/new"), FileError.notFound(Buffer.from("new")))
    assert.strictEqual(at("/d/dangling"), "NotFound")
    for (const path of ["/a/f/", "/a/f/.", "/a/f/..", "/a/f/x", "/d/toFile/"]) {
      assert.deepStrictEqual(real(files, path), FileError.notAFolder(Buffer.from("f")), path)
    }
    assert.strictEqual(at("/d/toFileAsFolder"), "NotAFolder")
    assert.strictEqual(at("/d/absolute/"), "/a")
  })

  it("leads through 40 symbolic links and no more", () => {
    const chain = populated()
    chain.file("/l0")
    for (let i = 1; i <= 41; i++) chain.symbolicLink(`/l${i}`, `l${i - 1}`)
    assert.isTrue(Result.isSuccess(real(chain, "/l40")))
    assert.strictEqual(outcome(real(chain, "/l41")), "TooManySymbolicLinks")
  })
})
