/**
 * An open file as the system sees it: the one place where data moves between memory and a file.
 *
 * - A run is one vectored system call; what the system cuts short is finished by further calls.
 * - Whoever starts a transfer waits for its end: until then the system may still use the buffers.
 */
import * as fs from "node:fs"
import type { Run } from "./Batching.ts"

export type Direction = "read" | "write"

/** Where a transfer stopped short, and why. */
export interface Stop {
  readonly offset: number
  /** What the system said; nothing where a read met the end of the file. */
  readonly error: unknown
}

/** Reads of one batch that wait for the disk at the same time: as many as Node has threads for it. */
const readLanesMax = 4

/** Reads or writes all of `runs` before it returns. */
export const transferSync = (fd: number, direction: Direction, runs: ReadonlyArray<Run>): Stop | undefined => {
  for (const run of runs) {
    let done = 0
    while (done < run.byteCount) {
      const buffers = remaining(run, done)
      const offset = run.offset + done
      let count: number
      try {
        count = direction === "read" ? fs.readvSync(fd, buffers, offset) : fs.writevSync(fd, buffers, offset)
      } catch (error) {
        return { offset, error }
      }
      if (count === 0) return { offset, error: undefined }
      done += count
    }
  }
  return undefined
}

/** Reads or writes all of `runs` through the thread pool, and calls `finish` once, when no call is under way any more. */
export const transfer = (
  fd: number,
  direction: Direction,
  runs: ReadonlyArray<Run>,
  finish: (stop: Stop | undefined) => void
): void => {
  let next = 0
  let stop: Stop | undefined
  let lanes = 0
  const advance = (run: Run, done: number): void => {
    const offset = run.offset + done
    const settle = (error: unknown, count: number): void => {
      if (error !== null || count === 0) stop ??= { offset, error: error ?? undefined }
      else if (done + count < run.byteCount) return advance(run, done + count)
      begin()
    }
    const buffers = remaining(run, done)
    if (direction === "read") fs.readv(fd, buffers, offset, settle)
    else fs.writev(fd, buffers, offset, settle)
  }
  const begin = (): void => {
    if (next < runs.length && stop === undefined) advance(runs[next++], 0)
    else if (--lanes === 0) finish(stop)
  }
  // One lane more than there are calls keeps `finish` from being called before all lanes have begun.
  const lanesMax = Math.min(direction === "read" ? readLanesMax : 1, runs.length)
  lanes = lanesMax + 1
  for (let lane = 0; lane < lanesMax; lane++) begin()
  if (--lanes === 0) finish(stop)
}

/** The buffers of a run without its first `done` bytes. */
const remaining = (run: Run, done: number): ReadonlyArray<Uint8Array> => {
  if (done === 0) return run.buffers
  let first = 0
  while (done >= run.buffers[first].length) done -= run.buffers[first++].length
  const rest = run.buffers.slice(first)
  rest[0] = rest[0].subarray(done)
  return rest
}
