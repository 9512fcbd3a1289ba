/**
 * Every `ts` snippet of the documents is compiled and run, against the sources.
 */
import { execFile } from "node:child_process"
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { towardsSources } from "./Doors.ts"

const run = promisify(execFile)
const root = join(import.meta.dirname, "../..")

interface Snippet {
  readonly name: string
  readonly code: string
}

const documents = async (folder: string): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(join(root, folder), { recursive: true })
  return entries.filter((name) => name.endsWith(".md")).map((name) => join(folder, name))
}

const snippetsOf = (document: string, text: string): ReadonlyArray<Snippet> =>
  [...text.matchAll(/^```ts\n([^]*?)^```$/gm)].map((match, i) => ({
    name: `${document.replaceAll(/\W/g, "-")}-${i + 1}.ts`,
    code: match[1]
  }))

const withoutTimes = (text: string): ReadonlyArray<string> =>
  text
    .trimEnd()
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .split("\n")

/** What a snippet says that it prints: what stands behind a `console.log`, and in the lines below it. */
const saidOf = (code: string): ReadonlyArray<string> =>
  withoutTimes(
    [...code.matchAll(/^.*\bconsole\.log\(.*\)(?: \/\/ (.*)|((?:\n\/\/ .*)+))$/gm)]
      .map((match) => match[1] ?? match[2].trim().replaceAll(/^\/\/ /gm, ""))
      .join("\n")
  ).filter((line) => line !== "")

/** The tests of Node's test runner begin when all else is over, and say by the exit status how it was. */
const isTest = (code: string): boolean => code.includes('"node:test"')

const paths = ["README.md", ...(await documents("docs"))]
const snippets = (
  await Promise.all(paths.map(async (path) => snippetsOf(path, await readFile(join(root, path), "utf8"))))
).flat()

describe("the snippets of the documents", () => {
  let folder = ""

  beforeAll(async () => {
    await mkdir(join(root, "reports"), { recursive: true })
    folder = await mkdtemp(join(root, "reports/snippets-"))
    for (const { code, name } of snippets) await writeFile(join(folder, name), `export {}\n${towardsSources(code)}`)
    const options = { extends: "../../tsconfig.json", include: ["*.ts"], compilerOptions: { noUnusedLocals: false } }
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(options))
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it("are there", () => {
    assert.isAtLeast(snippets.length, 2)
  })

  it("compile", async () => {
    const { stdout } = await run(join(root, "node_modules/.bin/tsc"), ["-p", folder]).catch((error) => error)
    assert.strictEqual(stdout, "")
  })

  describe("run", () => {
    /** By their paths. */
    let ran: Record<string, { readonly stdout: string; readonly stderr: string }> = {}

    beforeAll(async () => {
      const paths = snippets.filter(({ code }) => !isTest(code)).map(({ name }) => join(folder, name))
      const { stdout } = await run(process.execPath, [join(import.meta.dirname, "runAll.ts"), ...paths])
      ran = JSON.parse(stdout)
    })

    it.each(snippets)("$name", async ({ code, name }) => {
      const path = join(folder, name)
      const { stderr, stdout } = isTest(code) ? await run(process.execPath, [path]) : ran[path]
      assert.strictEqual(stderr, "")
      const said = saidOf(code)
      if (said.length > 0) assert.deepStrictEqual(withoutTimes(stdout), said)
    })
  })
})
