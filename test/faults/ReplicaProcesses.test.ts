/**
 * T13 with real processes and real files: a source and its replica, each in a process that is killed at random moments.
 * NOTAFS_ROUNDS says how many rounds there are (none by default), NOTAFS_SEED draws others.
 */
import * as childProcess from "node:child_process"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as FileDevice from "../../src/shell/FileDevice.ts"
import * as KeyValue from "../../src/shell/KeyValue.ts"
import * as Volume from "../../src/shell/Volume.ts"
import { Random } from "../../src/testing/Random.ts"
import * as TemporaryFolder from "../shell/TemporaryFolder.ts"
import { contentOf } from "../shell/TransferRun.ts"
import * as Scale from "../torture/Scale.ts"
import type { News } from "./replicaProcess.ts"

const rounds = Scale.number("ROUNDS", 0)
const seed = Scale.seed(1)
const script = fileURLToPath(new URL("./replicaProcess.ts", import.meta.url))
const SIZE = 256 * 1024 * 1024
/** Soon, when a stream is on its way, or when most of it has arrived. */
const KILL_MILLIS = [10, 60, 400]
const KEPT = 3

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

interface Running {
  readonly child: childProcess.ChildProcess
  /** What it has told, once it has ended. */
  readonly ended: Promise<{ readonly wasKilled: boolean; readonly isDone: boolean }>
}

/** Starts a process, which is killed so many milliseconds after its volume is open. */
const start = (cache: string, args: ReadonlyArray<string>, killMillis: number | undefined): Running => {
  const child = childProcess.spawn(process.execPath, [script, ...args], {
    stdio: ["pipe", "pipe", "inherit", "ipc"],
    env: { ...process.env, NODE_COMPILE_CACHE: cache }
  })
  let isDone = false
  child.on("message", (news: News) => {
    if (news === "done") isDone = true
    else if (killMillis !== undefined) setTimeout(() => child.kill("SIGKILL"), killMillis)
  })
  const ended = new Promise<{ readonly wasKilled: boolean; readonly isDone: boolean }>((resolve) =>
    child.once("close", (_status, signal) => resolve({ wasKilled: signal === "SIGKILL", isDone }))
  )
  return { child, ended }
}

/** Uses the volume of an image in this process. */
const within = <A, E>(image: string, use: (volume: Volume.Volume["Service"]) => Effect.Effect<A, E>) =>
  Effect.flatMap(Volume.Volume, use).pipe(
    Effect.provide(
      [Layer.fresh(Layer.provide(Volume.layer(), FileDevice.layer({ path: image, size: SIZE }))), Logger.layer([])],
      { local: true }
    )
  )

const listed = (image: string) => within(image, (volume) => volume.snapshots.list)

describe.skipIf(rounds === 0)("a replica in a process of its own", () => {
  it.live(
    "ends with the content of its source, whichever process is killed",
    () =>
      Effect.gen(function* () {
        const random = Random.at(seed, 1)
        const folder = yield* TemporaryFolder.make
        const [source, replica] = [path.join(folder, "source"), path.join(folder, "replica")]
        const events: Record<string, number> = {}
        const count = (what: string): void => void (events[what] = (events[what] ?? 0) + 1)
        const moment = (probability: number) =>
          random.chance(probability) ? random.below(KILL_MILLIS[random.below(3)]) : undefined
        const begin = (args: ReadonlyArray<string>, probability: number) =>
          start(path.join(folder, "cache"), args, moment(probability))
        for (const image of [source, replica]) yield* listed(image)

        /** What was acknowledged is there. */
        const expectThere = Effect.fnUntraced(function* (image: string, name: string, isDone: boolean) {
          const isThere = (yield* listed(image)).some((snapshot) => snapshot.name === name)
          if (isDone) assert.isTrue(isThere, `${name} was acknowledged`)
          return isThere
        })

        const transfer = Effect.fnUntraced(function* (name: string, mayFail: boolean) {
          const there = yield* listed(source)
          const here = yield* listed(replica)
          const receiving = yield* within(replica, (volume) => volume.receiving)
          const base = here.findLast((one) => there.some(({ id }) => hex(id) === hex(one.id)))
          const after = receiving?.snapshot === name && random.chance(0.5) ? receiving.frames : 0
          if (receiving !== undefined) count(receiving.snapshot === name ? "goes on" : "another stream has begun")
          const sender = begin(["send", source, name, base?.name ?? "", String(after)], mayFail ? 0.4 : 0)
          const receiver = begin(["receive", replica, base === undefined ? "force" : ""], mayFail ? 0.6 : 0)
          const [from, to] = [sender.child.stdout, receiver.child.stdin]
          assert(from !== null && to !== null)
          to.on("error", () => from.destroy())
          receiver.child.once("close", () => from.destroy())
          from.pipe(to)
          const [sent, received] = yield* Effect.promise(() => Promise.all([sender.ended, receiver.ended]))
          if (sent.wasKilled) count("sender killed")
          if (received.wasKilled) count("receiver killed")
          count("transfers")
          return yield* expectThere(replica, name, received.isDone)
        })

        for (let round = 1; round <= rounds; round++) {
          const name = `round ${round}`
          const changing = begin(["change", source, name, String(random.uint32())], 0.4)
          const { isDone, wasKilled } = yield* Effect.promise(() => changing.ended)
          if (wasKilled) count("changes killed")
          if (!(yield* expectThere(source, name, isDone))) {
            yield* within(source, (volume) => volume.snapshots.create(name))
          }
          for (let tries = 0; !(yield* transfer(name, tries < 4)); tries++) assert.isBelow(tries, 5)
          for (const image of [source, replica]) {
            const all = yield* listed(image)
            for (const old of all.slice(0, -KEPT)) {
              if (random.chance(0.7)) yield* within(image, (volume) => volume.snapshots.remove(old.name))
            }
          }
        }

        const contents: Array<unknown> = []
        for (const image of [source, replica]) {
          const { problems } = yield* within(image, (volume) => volume.check({ deep: true }))
          assert.deepStrictEqual(problems, [])
          const digest = yield* within(image, (volume) =>
            Effect.match(KeyValue.make(volume).digest("/"), {
              onFailure: ({ reason }) => `${reason._tag}`,
              onSuccess: hex
            })
          )
          const id = (yield* listed(image)).findLast((one) => one.name === `round ${rounds}`)?.id
          contents.push({ digest, id, content: yield* within(image, contentOf) })
        }
        assert.isTrue(JSON.stringify(contents[0]) === JSON.stringify(contents[1]), "the replica is its source")
        const deaths = ["sender killed", "receiver killed", "changes killed"]
          .map((what) => events[what] ?? 0)
          .reduce((sum, times) => sum + times, 0)
        const { transfers } = events
        yield* Effect.sync(() =>
          console.log(JSON.stringify({ test: "T13", seed, rounds, transfers, deaths, processes: events }))
        )
      }).pipe(Effect.scoped),
    Math.max(600_000, 30_000 * rounds)
  )
})
