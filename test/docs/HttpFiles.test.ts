/**
 * The file service among the examples, under load, killed with SIGKILL and started again: when it has answered so many uploads, or
 * before or within a call of its device. NOTAFS_HTTP_KILLS says how often, NOTAFS_SEED draws other moments and contents.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { request } from "node:http"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as FileDevice from "../../src/shell/FileDevice.ts"
import * as Files from "../../src/shell/Files.ts"
import * as Volume from "../../src/shell/Volume.ts"
import { Random } from "../../src/testing/Random.ts"
import * as Scale from "../torture/Scale.ts"
import { towardsSources } from "./Doors.ts"
import { HttpClients, type Service } from "./HttpClients.ts"

const root = join(import.meta.dirname, "../..")
const kills = Scale.number("HTTP_KILLS", 3)
const ANSWERS_MAX = 25
/** More calls than a start makes, and most of what the uploads up to such a kill make. */
const CALLS_MAX = 120
const MILLIS_MAX = 10_000

interface Started extends Service {
  readonly child: ChildProcess
  /** How it ended. */
  readonly end: Promise<string | number | null>
}

describe("the file service", () => {
  let folder = ""
  const children: Array<ChildProcess> = []

  beforeAll(async () => {
    await mkdir(join(root, "reports"), { recursive: true })
    folder = await mkdtemp(join(root, "reports/http-files-"))
    const code = await readFile(join(root, "examples/http-files/main.ts"), "utf8")
    await writeFile(join(folder, "main.ts"), towardsSources(code))
  })

  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL")
    await rm(folder, { recursive: true, force: true })
  })

  /** Starts it; nothing, where it was killed before it listened. */
  const start = async (killAt: string, disk: string): Promise<Started | undefined> => {
    const args = ["--import", join(import.meta.dirname, "killAtCall.ts"), join(folder, "main.ts"), disk, "0"]
    const child = spawn(process.execPath, args, {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NOTAFS_KILL_AT: killAt }
    })
    children.push(child)
    const end = once(child, "close").then(([status, signal]) => signal ?? status)
    let out = ""
    const origin = await new Promise<string | undefined>((resolve) => {
      child.stdout.on("data", (chunk: Buffer) => {
        out += chunk.toString()
        const listening = /Listening on (http:\S+)/.exec(out)
        if (listening !== null) resolve(listening[1])
      })
      void end.then(() => resolve(undefined))
    })
    if (origin === undefined) {
      assert.strictEqual(await end, "SIGKILL", out)
      return undefined
    }
    const tooLong = () => new Promise<boolean>((resolve) => setTimeout(resolve, MILLIS_MAX, false))
    return { origin, child, end, isGone: () => Promise.race([end.then(() => true), tooLong()]) }
  }

  /** Looks at a disk without writing to it; a check finds nothing. */
  const lookAt = <A, E>(disk: string, look: (volume: Volume.Interface) => Effect.Effect<A, E>): Promise<A> =>
    Effect.gen(function* () {
      const volume = yield* Volume.Volume
      const { problemCount } = yield* volume.check({ deep: true })
      assert.strictEqual(problemCount, 0)
      return yield* look(volume)
    }).pipe(
      Effect.provide(
        Volume.layerReadOnly().pipe(
          Layer.provide(FileDevice.layer({ path: join(folder, disk), readOnly: true })),
          // An opening reports what it has passed over.
          Layer.provide(Logger.layer([]))
        )
      ),
      Effect.runPromise
    )

  const filesOf = (volume: Volume.Interface) =>
    Effect.map(Files.walk(volume, "/"), (all) => all.flatMap(({ path, type }) => (type === "File" ? [path] : [])))

  /** All that is known is on the disk, whole. Answers what else there is. */
  const look = (disk: string, clients: HttpClients): Promise<ReadonlyArray<string>> =>
    lookAt(
      disk,
      Effect.fnUntraced(function* (volume) {
        const names = new Set(yield* filesOf(volume))
        for (const file of clients.files.flat()) {
          const path = `files/${file.path}`
          clients.accept(file, names.delete(path) ? yield* Files.readFile(volume, path) : undefined)
        }
        return [...names]
      })
    )

  it(`has every upload that it answered, whole, however it is killed (${kills} times)`, async () => {
    const begin = performance.now()
    const seed = Scale.seed(1)
    const random = Random.at(seed, 2)
    const clients = new HttpClients(Random.at(seed, 3))
    const moments = { answer: 0, start: 0, call: 0, half: 0 }
    let arriving = 0
    for (let kill = 0; kill < kills; kill++) {
      const byAnswers = kill % 2 === 0
      const within = random.chance(0.5) ? "half" : "before"
      const service = await start(byAnswers ? "-1" : `${random.below(CALLS_MAX)} ${within}`, "killed.notafs")
      if (service === undefined) {
        moments.start++
        continue
      }
      let left = byAnswers ? 1 + random.below(ANSWERS_MAX) : Infinity
      const isGone = async () => (byAnswers ? left <= 0 : service.isGone())
      // It frees what the last kill has left, and may be killed while it does.
      if (await clients.settle({ ...service, isGone })) {
        await clients.work({ ...service, isGone }, () => {
          if (--left === 0) service.child.kill("SIGKILL")
        })
      }
      assert.strictEqual(await service.end, "SIGKILL")
      moments[byAnswers ? "answer" : within === "half" ? "half" : "call"]++
      const others = await look("killed.notafs", clients)
      for (const name of others) assert.match(name, /^arriving\/\d+$/)
      arriving += others.length
    }

    const service = await start("-1", "killed.notafs")
    assert.isDefined(service)
    assert.isTrue(await clients.settle(service))
    service.child.kill("SIGTERM")
    await service.end
    assert.deepStrictEqual(await look("killed.notafs", clients), [])
    const { downloads, uploads } = clients
    assert.isAbove(uploads, kills)
    const seconds = Math.round((performance.now() - begin) / 100) / 10
    console.log(JSON.stringify({ test: "HTTP", kills, seed, moments, uploads, downloads, arriving, seconds }))
  }, 600_000)

  it("refuses what cannot be a file, and forgets an upload that breaks off", async () => {
    const service = await start("-1", "refusing.notafs")
    assert.isDefined(service)
    const put = async (path: string) => {
      const response = await fetch(service.origin + path, { method: "PUT", body: "hello" })
      return [response.status, (await response.text()).trimEnd()]
    }
    assert.deepStrictEqual(await put("/a"), [201, ""])
    assert.deepStrictEqual(await put("/a"), [204, ""])
    assert.deepStrictEqual(await put("/a/b"), [409, '/files/a/b: "a" is not a folder.'])
    for (const path of ["/", "/b/", "/b%2f", "/..%2f..%2farriving%2fx"]) {
      assert.deepStrictEqual(await put(path), [400, "PUT takes the name of a file."])
    }
    assert.strictEqual((await put("/%ff"))[0], 404)
    const { headers } = await fetch(`${service.origin}/a`)
    const again = await fetch(`${service.origin}/a`, { headers: { "if-none-match": headers.get("etag") ?? "" } })
    assert.strictEqual(again.status, 304)
    assert.strictEqual((await fetch(`${service.origin}/none`)).status, 404)

    // Half of it is on its way when the client goes.
    const upload = request(`${service.origin}/half`, { method: "PUT", headers: { "content-length": 8_000_000 } })
    upload.on("error", () => undefined)
    await new Promise((resolve) => upload.write(new Uint8Array(4_000_000), resolve))
    upload.destroy()
    service.child.kill("SIGTERM")
    await service.end
    assert.deepStrictEqual(await lookAt("refusing.notafs", filesOf), ["files/a"])
  })
})
