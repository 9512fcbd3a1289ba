/**
 * Work of a contestant in a process of its own: its memory, what the system counts of it, and its death are its own. The work is
 * done by `work.child.ts`.
 */
import { spawnSync } from "node:child_process"
import type { Name, Place } from "./contest/Contestant.ts"
import * as Here from "./Here.ts"

export type Kind = "content" | "pairs"

/** What a process is to do with the store that stands in a place. */
export interface Work extends Place {
  readonly contestant: Name
  readonly kind?: Kind
  readonly names?: number
  readonly commits?: number
  readonly chunkCount?: number
  /** A small store that is opened first: then all code is loaded. */
  readonly before?: Place
}

const OUTPUT_BYTES = 16 * 1024 * 1024

const run = (task: string, work: Work) =>
  spawnSync(
    process.execPath,
    ["--no-warnings", Here.script(import.meta.dirname, "work.child"), task, JSON.stringify(work)],
    { encoding: "utf8", maxBuffer: OUTPUT_BYTES }
  )

/** The last line that it prints. */
const answer = async <A>(task: string, work: Work): Promise<A> => {
  const { signal, status, stderr, stdout } = run(task, work)
  if (status !== 0) {
    const reason = /^\w*Error.*$/m.exec(stderr)?.[0] ?? stderr.trim().split("\n").at(-1)
    throw new Error(`its process ended by ${signal ?? status}: ${reason}`)
  }
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "")
}

export interface Streamed {
  readonly inMs: number
  readonly outMs: number
  readonly peakMiB: number
}

/** Streams chunks in, and out again. */
export const stream = (work: Work): Promise<Streamed> => answer("stream", work)

export interface Written {
  /** For a commit: what the store counts, if it does, and what the system does. */
  readonly counted?: number
  readonly system: number
}

/** Commits, each of one put to a key that is there. */
export const bytes = (work: Work): Promise<Written> => answer("bytes", work)

/** Fills a store. */
export const prepare = (work: Work): Promise<unknown> => answer("prepare", work)

/** Changes a store, and is killed as soon as the last change is durable. */
export const crash = async (work: Work): Promise<void> => {
  const { signal, stderr } = run("crash", work)
  if (signal !== "SIGKILL") throw new Error(`it was not killed: ${stderr.trim().split("\n").at(-1)}`)
}

/** Opens a store, and reads one value. */
export const reopen = (work: Work): Promise<{ readonly ms: number }> => answer("reopen", work)
