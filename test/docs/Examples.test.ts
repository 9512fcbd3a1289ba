/**
 * Every example runs, against the sources, and prints what it should. That they compile is for `npm run check:types`.
 */
import { execFile } from "node:child_process"
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { towardsSources } from "./Doors.ts"

const run = promisify(execFile)
const root = join(import.meta.dirname, "../..")
const LINES_MAX = 50

const outputs: Record<string, ReadonlyArray<string>> = {
  "atomicChange.ts": ["3 pages were changed in one commit.", "A visitor saw: one one one, then two two two."],
  "consistentReport.ts": [1, 2, 3].map((report) => `Report ${report}, while money moved: 1000 in all.`),
  "replica.ts": [
    "Sent monday: 200 files.",
    "Sent tuesday: /42.",
    "The replica has monday and tuesday, and all files are the same."
  ],
  "rollbackOnFailure.ts": [
    "An order failed, since there is no cake.",
    "Nothing of it is left.",
    "Another took what there was: tea tea "
  ],
  "undoBySnapshot.ts": ["Lost: /photos /photos/beach /photos/city /photos/forest", "Back: beach city forest"]
}

const names = (await readdir(join(root, "examples"))).filter((name) => name.endsWith(".ts"))
const readme = await readFile(join(root, "README.md"), "utf8")

describe("the examples", () => {
  let folder = ""

  beforeAll(async () => {
    await mkdir(join(root, "reports"), { recursive: true })
    folder = await mkdtemp(join(root, "reports/examples-"))
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it("are those that are known here", () => {
    assert.sameMembers(names, Object.keys(outputs))
  })

  it.each(names)("%s runs", async (name) => {
    const code = await readFile(join(root, "examples", name), "utf8")
    assert.isAtMost(code.trimEnd().split("\n").length, LINES_MAX)
    assert.include(readme, `(examples/${name})`)
    await writeFile(join(folder, name), towardsSources(code))
    const { stderr, stdout } = await run(process.execPath, [join(folder, name)], { cwd: folder })
    assert.strictEqual(stderr, "")
    assert.deepStrictEqual(stdout.split("\n"), [...outputs[name], ""])
  })
})
