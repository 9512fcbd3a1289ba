/**
 * The examples that are services: they are started again and again on one disk, and killed.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { towardsSources } from "./Doors.ts"

const run = promisify(execFile)
const root = join(import.meta.dirname, "../..")

describe("the services among the examples", () => {
  let folder = ""
  const children: Array<ChildProcess> = []

  /** An example beside the sources, by its path. */
  const placed = async (name: string): Promise<string> => {
    const readme = await readFile(join(root, "README.md"), "utf8")
    assert.include(readme, `(examples/${name}/main.ts)`)
    const path = join(folder, `${name}.ts`)
    await writeFile(path, towardsSources(await readFile(join(root, "examples", name, "main.ts"), "utf8")))
    return path
  }

  beforeAll(async () => {
    await mkdir(join(root, "reports"), { recursive: true })
    folder = await mkdtemp(join(root, "reports/services-"))
  })

  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL")
    await rm(folder, { recursive: true, force: true })
  })

  it("hello-kv formats its disk at its first start, and is greeted later", async () => {
    const path = await placed("hello-kv")
    const said: Array<string> = []
    for (let start = 0; start < 3; start++) said.push((await run(process.execPath, [path], { cwd: folder })).stdout)
    assert.deepStrictEqual(said, [
      "The disk was blank. It is formatted now.\n",
      "Hello again! This is start 2.\n",
      "Hello again! This is start 3.\n"
    ])
  })

  it("wallet keeps its promise on each device", async () => {
    const { stderr, stdout } = await run(process.execPath, [await placed("wallet")], { cwd: folder })
    assert.strictEqual(stderr, "")
    assert.strictEqual(
      stdout.trimEnd().split("\n").at(-1),
      "It holds in memory, in a file, and on a device that fails."
    )
  })

  it("counter goes on where it was killed", async () => {
    const path = await placed("counter")
    let last = 0
    for (let start = 0; start < 3; start++) {
      const child = spawn(process.execPath, [path], {
        cwd: folder,
        stdio: ["ignore", "pipe", "inherit"]
      })
      children.push(child)
      let out = ""
      child.stdout.on("data", (chunk: Buffer) => {
        out += chunk.toString()
        if (out.split("\n").length > 5 + start) child.kill("SIGKILL")
      })
      const [, signal] = await once(child, "close")
      assert.strictEqual(signal, "SIGKILL")
      // A line may be cut, and a number may be durable before it is said.
      const numbers = out
        .split("\n")
        .slice(0, -1)
        .flatMap((line) => (/^\d+$/.test(line) ? [Number(line)] : []))
      assert.isAtLeast(numbers.length, 5)
      assert.include([last + 1, last + 2], numbers[0])
      for (const [i, number] of numbers.entries()) assert.strictEqual(number, numbers[0] + i)
      last = numbers[numbers.length - 1]
    }
  })
})
