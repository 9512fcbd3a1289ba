/**
 * Every example runs, against the sources, and prints what it should. That they compile is for `npm run check:types`.
 */
import { execFile } from "node:child_process"
import { createServer } from "node:http"
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { AddressInfo } from "node:net"
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
  "telemetry.ts": ["Everything was sent."],
  "undoBySnapshot.ts": ["Lost: /photos /photos/beach /photos/city /photos/forest", "Back: beach city forest"]
}

const names = (await readdir(join(root, "examples"))).filter((name) => name.endsWith(".ts"))
const readme = await readFile(join(root, "README.md"), "utf8")

describe("the examples", () => {
  let folder = ""
  /** What the telemetry sends, by path. */
  const collected = new Map<string, string>()
  const collector = createServer((request, response) => {
    let body = ""
    request.on("data", (chunk: Buffer) => (body += chunk.toString()))
    request.on("end", () => {
      collected.set(request.url ?? "", (collected.get(request.url ?? "") ?? "") + body)
      response.setHeader("content-type", "application/json").end("{}")
    })
  })

  beforeAll(async () => {
    await mkdir(join(root, "reports"), { recursive: true })
    folder = await mkdtemp(join(root, "reports/examples-"))
    await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve))
  })

  afterAll(async () => {
    collector.close()
    await rm(folder, { recursive: true, force: true })
  })

  it("are those that are known here", () => {
    assert.sameMembers(names, Object.keys(outputs))
  })

  it.each(names)("%s runs", async (name) => {
    const code = await readFile(join(root, "examples", name), "utf8")
    assert.isAtMost(code.trimEnd().split("\n").length, LINES_MAX)
    assert.include(readme, `(examples/${name})`)
    await writeFile(join(folder, name), towardsSources(code))
    const { stderr, stdout } = await run(process.execPath, [join(folder, name)], {
      cwd: folder,
      env: {
        ...process.env,
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`
      }
    })
    assert.strictEqual(stderr, "")
    assert.deepStrictEqual(stdout.split("\n"), [...outputs[name], ""])
  })

  it("send their telemetry", () => {
    const said = {
      "/v1/traces": ["Volume.commit", "VolumeFileSystem.writeFileString", "/b"],
      "/v1/metrics": ["notafs_commits", "notafs_commit_millis", "notafs_free_bytes"],
      "/v1/logs": ["Three files were written"]
    }
    for (const [path, words] of Object.entries(said))
      for (const word of words) assert.include(collected.get(path), `"${word}"`)
  })
})
