import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { assert, describe, it } from "vitest"
import { MemoryDevice } from "../../src/index.ts"
import { openVolume } from "../../src/node-fs.ts"

const MIB = 1024 * 1024

const inMemory = async () => openVolume({ device: MemoryDevice.layer({ size: 16 * MIB }) })

const inFolder = async (use: (path: string) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "notafs-open-"))
  try {
    await use(join(folder, "data.notafs"))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const codeOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "no failure",
    (error: unknown) => (error as NodeJS.ErrnoException).code
  )

describe("openVolume", () => {
  it("keeps what was written", async () =>
    inFolder(async (path) => {
      {
        await using volume = await openVolume({ path, size: 4 * MIB, format: "if-blank" })
        await volume.fs.mkdir("/letters")
        await volume.fs.writeFile("/letters/one", "hello")
        assert.deepStrictEqual(await volume.check({ deep: true }), [])
      }
      await using again = await openVolume({ path, format: "never" })
      assert.strictEqual(await again.fs.readFile("/letters/one", "utf8"), "hello")
      assert.strictEqual((await again.statistics()).size, 4 * MIB)
    }))

  it("fails with a code, and says what is wrong", async () =>
    inFolder(async (path) => {
      assert.strictEqual(await codeOf(openVolume({ path })), "ENOENT")
      assert.strictEqual(await codeOf(openVolume({ path, size: 4 * MIB, format: "never" })), "ERR_NOT_FORMATTED")
      assert.strictEqual(await codeOf(openVolume({})), "ERR_INVALID_ARG_TYPE")
      await using volume = await openVolume({ path, size: 4 * MIB })
      assert.strictEqual(await codeOf(openVolume({ path })), "EBUSY")
      await using reader = await openVolume({ path, readOnly: true })
      assert.strictEqual(await codeOf(reader.fs.writeFile("/a", "")), "EROFS")
      await volume.close()
      await volume.close()
      assert.strictEqual(await codeOf(volume.fs.readFile("/a")), "EBADF")
    }))

  it("is full with ENOSPC, and nothing is half done", async () => {
    await using volume = await inMemory()
    await volume.fs.writeFile("/a", "before")
    assert.strictEqual(await codeOf(volume.fs.writeFile("/a", new Uint8Array(20 * MIB))), "ENOSPC")
    assert.strictEqual(await volume.fs.readFile("/a", "utf8"), "before")
  })
})

describe("a transaction", () => {
  it("commits all or nothing", async () => {
    await using volume = await inMemory()
    const { fs } = volume
    const answer = await volume.transaction(async (inside) => {
      await inside.writeFile("/a", "1")
      await inside.writeFile("/b", "2")
      return inside.readdir("/")
    })
    assert.deepStrictEqual(answer, ["a", "b"])
    const failure = new Error("no")
    const failed = volume.transaction(async (inside) => {
      await inside.rm("/a")
      throw failure
    })
    assert.strictEqual(await failed.catch((error: unknown) => error), failure)
    assert.deepStrictEqual(await fs.readdir("/"), ["a", "b"])
  })

  it("has in it what is called on the volume from within", async () => {
    await using volume = await inMemory()
    const { fs } = volume
    const rolledBack = volume.transaction(async () => {
      await fs.writeFile("/a", "1")
      assert.deepStrictEqual(await fs.readdir("/"), ["a"])
      throw new Error("no")
    })
    await rolledBack.catch(() => undefined)
    assert.deepStrictEqual(await fs.readdir("/"), [])
  })

  it("is not seen by others before its end, and keeps other writers waiting", async () => {
    await using volume = await inMemory()
    const { fs } = volume
    const order: Array<string> = []
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const { promise: ready, resolve: end } = Promise.withResolvers<void>()
    const transaction = volume.transaction(async (inside) => {
      await inside.writeFile("/a", "1")
      begin()
      await ready
      order.push("transaction")
    })
    await begun
    assert.deepStrictEqual(await fs.readdir("/"), [])
    const other = fs.writeFile("/b", "2").then(() => order.push("other"))
    end()
    await Promise.all([transaction, other])
    assert.deepStrictEqual(order, ["transaction", "other"])
    assert.deepStrictEqual(await fs.readdir("/"), ["a", "b"])
  })

  it("is over when its promise is: what comes later fails", async () => {
    await using volume = await inMemory()
    let kept: typeof volume.fs | undefined
    await volume.transaction(async (inside) => {
      kept = inside
      await inside.writeFile("/a", "1")
    })
    assert.strictEqual(await codeOf(kept!.writeFile("/b", "2")), "EBADF")
    assert.deepStrictEqual(await volume.fs.readdir("/"), ["a"])
  })

  it("may be within another: as a savepoint", async () => {
    await using volume = await inMemory()
    await volume.transaction(async (outer) => {
      await outer.writeFile("/a", "1")
      const inner = volume.transaction(async (inside) => {
        await inside.writeFile("/b", "2")
        throw new Error("no")
      })
      await inner.catch(() => undefined)
      await outer.writeFile("/c", "3")
    })
    assert.deepStrictEqual(await volume.fs.readdir("/"), ["a", "c"])
  })
})

describe("a view", () => {
  it("reads one state", async () => {
    await using volume = await inMemory()
    await volume.fs.writeFile("/a", "1")
    await volume.view(async (seen) => {
      assert.strictEqual(await seen.readFile("/a", "utf8"), "1")
      assert.strictEqual(await codeOf(seen.writeFile("/a", "2")), "EROFS")
    })
  })
})

describe("the rest of the object", () => {
  it("removes, finds and copies trees", async () => {
    await using volume = await inMemory()
    const { fs } = volume
    await fs.mkdir("/from/deep", { recursive: true })
    await fs.writeFile("/from/deep/a.txt", "a")
    await fs.writeFile("/from/b.md", "b")
    await fs.cp("/from", "/to", { recursive: true })
    assert.strictEqual(await codeOf(fs.cp("/from", "/other")), "ERR_FS_EISDIR")
    const found: Array<string> = []
    for await (const path of fs.glob("**/*.txt", { cwd: "/to" })) found.push(path)
    assert.deepStrictEqual(found, ["deep/a.txt"])
    await fs.rm("/from", { recursive: true })
    assert.deepStrictEqual((await fs.readdir("/", { recursive: true })).toSorted(), [
      "to",
      "to/b.md",
      "to/deep",
      "to/deep/a.txt"
    ])
  })

  it("takes buffers and URLs for paths, and refuses names that are not UTF-8", async () => {
    await using volume = await inMemory()
    const { fs } = volume
    await fs.writeFile(Buffer.from("/ü"), "1")
    assert.strictEqual(await fs.readFile(new URL("file:///%C3%BC"), "utf8"), "1")
    const [name] = await fs.readdir("/", { encoding: "buffer" })
    assert.deepStrictEqual(Buffer.from(name), Buffer.from("ü"))
    assert.strictEqual(await codeOf(fs.writeFile(Buffer.from([0x2f, 0xff]), "1")), "EILSEQ")
  })

  it("reads lines, and gives up on a signal", async () => {
    await using volume = await inMemory()
    const { fs } = volume
    await fs.writeFile("/lines", "one\ntwo\n")
    const lines: Array<string> = []
    await using handle = await fs.open("/lines")
    for await (const line of handle.readLines()) lines.push(line)
    assert.deepStrictEqual(lines, ["one", "two"])
    assert.strictEqual(await codeOf(fs.readFile("/lines", { signal: AbortSignal.abort() })), "ABORT_ERR")
  })

  it("tells what happens, until a signal comes", async () => {
    await using volume = await inMemory()
    const { fs } = volume
    await fs.mkdir("/in")
    const controller = new AbortController()
    const seen: Array<string> = []
    const watching = (async () => {
      for await (const { eventType, filename } of fs.watch("/in", { signal: controller.signal })) {
        seen.push(`${eventType} ${filename}`)
        if (seen.length === 2) controller.abort()
      }
    })()
    const ended = codeOf(watching)
    // Whatever is committed before the watcher stands is not told: so there is always more.
    for (let i = 0; seen.length < 2; i++) {
      await fs.writeFile(`/in/${i}`, "1")
      await setTimeout(50)
    }
    assert.strictEqual(await ended, "ABORT_ERR")
    assert.match(seen[0], /^rename \d+$/)
    assert.strictEqual(await codeOf(fs.watch("/nothing").next()), "ENOENT")
  })

  it("says how much room there is", async () => {
    await using volume = await inMemory()
    const { bavail, blocks, bsize } = await volume.fs.statfs("/")
    assert.strictEqual(Number(blocks) * Number(bsize), 16 * MIB)
    assert.isAbove(Number(bavail), 3000)
  })
})
