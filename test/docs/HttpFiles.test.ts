/**
 * The file service among the examples, under load, killed with SIGKILL and started again: when it has answered so many uploads, or
 * before or within a call of its device. NOTAFS_HTTP_KILLS says how often, NOTAFS_SEED draws other moments and contents.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
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
import { environment, towardsSources } from "./Doors.ts"
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
  const start = async (killAt: string): Promise<Started | undefined> => {
    const args = ["--import", join(import.meta.dirname, "killAtCall.ts"), join(folder, "main.ts"), "disk.notafs", "0"]
    const child = spawn(process.execPath, args, {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...environment, NOTAFS_KILL_AT: killAt }
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

  /** What the disk holds, looked at without writing to it: all that is known is there and whole. Answers what has not arrived. */
  const look = (clients: HttpClients): Promise<ReadonlyArray<string>> =>
    Effect.gen(function* () {
      const volume = yield* Volume.Volume
      const { problemCount } = yield* volume.check({ deep: true })
      assert.strictEqual(problemCount, 0)
      const known = clients.files.flat()
      for (const file of known) {
        const path = `/files/${file.path}`
        const isThere = (yield* Files.exists(volume, "/files")) && (yield* Files.exists(volume, path))
        clients.accept(file, isThere ? yield* Files.readFile(volume, path) : undefined)
      }
      const all = yield* Files.walk(volume, "/")
      const names = all.flatMap(({ path, type }) => (type === "File" ? [path] : []))
      const expected = new Set(known.map(({ path }) => `files/${path}`))
      return names.filter((name) => !expected.has(name))
    }).pipe(
      Effect.provide(
        Volume.layerReadOnly().pipe(
          Layer.provide(FileDevice.layer({ path: join(folder, "disk.notafs"), readOnly: true })),
          // An opening reports what it has passed over.
          Layer.provide(Logger.layer([]))
        )
      ),
      Effect.runPromise
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
      const service = await start(byAnswers ? "-1" : `${random.below(CALLS_MAX)} ${within}`)
      if (service === undefined) {
        moments.start++
        continue
      }
      let left = byAnswers ? 1 + random.below(ANSWERS_MAX) : Infinity
      const isGone = async () => (byAnswers ? left <= 0 : service.isGone())
      // It may be killed by the calls that a look at it makes.
      if (kill > 0) await clients.settle({ ...service, isGone })
      await clients.work({ ...service, isGone }, () => {
        if (--left === 0) service.child.kill("SIGKILL")
      })
      assert.strictEqual(await service.end, "SIGKILL")
      moments[byAnswers ? "answer" : within === "half" ? "half" : "call"]++
      const others = await look(clients)
      for (const name of others) assert.match(name, /^arriving\/\d+$/)
      arriving += others.length
    }

    const service = await start("-1")
    assert.isDefined(service)
    assert.isTrue(await clients.settle(service))
    service.child.kill("SIGTERM")
    await service.end
    assert.deepStrictEqual(await look(clients), [])
    const { downloads, uploads } = clients
    assert.isAbove(uploads, kills)
    const seconds = Math.round((performance.now() - begin) / 100) / 10
    console.log(JSON.stringify({ test: "HTTP", kills, seed, moments, uploads, downloads, arriving, seconds }))
  }, 600_000)
})
