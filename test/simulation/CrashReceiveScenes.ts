/**
 * Volumes that are to receive, and what they receive. A volume and its replica begin as two copies of one disk.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Volume from "../../src/shell/Volume.ts"
import type { SimulatedDisk } from "../../src/testing/SimulatedDisk.ts"
import * as CrashReceiveRun from "./CrashReceiveRun.ts"
import * as CrashStarts from "./CrashStarts.ts"
import * as CrashSteps from "./CrashSteps.ts"
import type { Facts } from "./CrashVolume.ts"

type Service = Volume.Volume["Service"]

export interface Scene {
  readonly disk: SimulatedDisk
  readonly facts: Facts
  readonly chunks: ReadonlyArray<Uint8Array>
  readonly force: boolean
  /** Whether receiving folds the free map. */
  readonly folds: boolean
  /** What the volume holds before it, and afterwards. */
  readonly before: string
  readonly after: string
}

const [BASE_ID, SENT_ID, OWN_ID] = [8, 9, 10]

const steps = (volume: Service, all: ReadonlyArray<CrashSteps.Step>) =>
  Effect.forEach(all, (step) => CrashSteps.onVolume(volume, step))

/** Every kind of change. */
const changes: ReadonlyArray<CrashSteps.Step> = [
  { do: "append", path: "/b", size: 700 },
  { do: "unlink", path: "/a" },
  { do: "create", path: "/new", size: 1300 },
  { do: "rename", path: "/d/g", to: "/g" },
  { do: "truncate", path: "/g", size: 300 },
  { do: "attribute", path: "/g", name: "user.x", size: 50 },
  { do: "set", table: "t", path: "key", size: 700 },
  { do: "unlink", path: "/s" }
]

const own: ReadonlyArray<CrashSteps.Step> = [
  { do: "write", path: "/b", offset: 300, size: 900 },
  { do: "unlink", path: "/h" },
  { do: "create", path: "/mine", size: 900 },
  { do: "set", table: "mine", path: "key", size: 30 }
]

const linesOf = (text: string): ReadonlyArray<string> => text.split("\n").filter((line) => !line.startsWith("["))

/** What the replica holds once it has received, if nothing happens; it is what was sent. */
const make = (
  { facts }: CrashStarts.Start,
  disk: SimulatedDisk,
  sent: { readonly chunks: ReadonlyArray<Uint8Array>; readonly text: string },
  { folds = false, force = false } = {}
): Scene => {
  const { text: after } = CrashReceiveRun.run(disk, facts, [sent.chunks], force)
  if (linesOf(after).join("\n") !== linesOf(sent.text).join("\n")) throw new Error("what was received was not sent")
  return { disk, facts, chunks: sent.chunks, force, folds, before: CrashReceiveRun.textOf(disk), after }
}

/** Takes a snapshot of the source and sends it. */
const send = (source: SimulatedDisk, from: string | undefined, all: ReadonlyArray<CrashSteps.Step>) =>
  CrashReceiveRun.session(
    source,
    (volume) =>
      Effect.gen(function* () {
        yield* steps(volume, all)
        yield* volume.snapshots.create("sent")
        const chunks = yield* Stream.runCollect(volume.send("sent", { from }))
        return { chunks, text: CrashReceiveRun.textOf(source) }
      }),
    SENT_ID
  )

/** A copy with a snapshot that both sides have. */
const based = (start: CrashStarts.Start): SimulatedDisk => {
  const disk = start.disk.fork()
  CrashReceiveRun.session(disk, (volume) => volume.snapshots.create("base"), BASE_ID, false)
  return disk
}

export const full = (): Scene => {
  const fresh = CrashStarts.fresh()
  return make(fresh, fresh.disk.fork(), send(CrashStarts.kept(true).disk.fork(), undefined, changes.slice(0, 3)))
}

export const incremental = (): Scene => {
  const files = CrashStarts.files()
  const disk = based(files)
  return make(files, disk, send(disk.fork(), "base", changes))
}

/** The replica has changed, and has a newer snapshot of its own. */
export const forced = (): Scene => {
  const files = CrashStarts.files()
  const disk = based(files)
  const sent = send(disk.fork(), "base", changes)
  CrashReceiveRun.session(
    disk,
    (volume) => Effect.andThen(steps(volume, own), volume.snapshots.create("mine")),
    OWN_ID,
    false
  )
  return make(files, disk, sent, { force: true })
}

/** The replica has files and snapshots of another volume, which stay. */
export const forcedFull = (): Scene => {
  const kept = CrashStarts.kept(false)
  return make(kept, kept.disk.fork(), send(CrashStarts.files().disk.fork(), undefined, changes.slice(0, 5)), {
    force: true
  })
}

/** What the free map has in its root record is nearly more than that has room for. */
export const folding = (): Scene => {
  const start = CrashStarts.folding()
  const disk = based(start)
  const many = Array.from({ length: 20 }, (_, i): CrashSteps.Step => ({ do: "unlink", path: `/n${20 * i + 1}` }))
  return make(start, disk, send(disk.fork(), "base", many.slice(0, 9)), { folds: true })
}
