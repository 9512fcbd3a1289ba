/** How much of everything: what the published figures are made of, or a little of each for every day. */
export interface Scale {
  readonly name: "full" | "quick" | "before"
  readonly rounds: number
  /** Puts by one client, and by 64. */
  readonly puts: number
  readonly putsTogether: number
  /** Names that a store has before the bytes of a commit are counted, and such commits. */
  readonly names: number
  readonly commits: number
  readonly pairs: number
  readonly gets: number
  readonly largeBytes: number
  /** Parts of a large value that are read, and written, by those for whom that is quick. */
  readonly parts: number
  /** Of 1 MiB each. */
  readonly streamChunks: number
  /** Of 1 kB each. */
  readonly appends: number
  readonly importFiles: number
  readonly importBytes: number
  readonly reopenNames: number
  readonly reopenChunks: number
  /** The largest points of the growth curves. */
  readonly growthNames: number
  readonly growthMiB: number
}

const MEBIBYTE = 1024 * 1024

export const full: Scale = {
  name: "full",
  rounds: 5,
  puts: 500,
  putsTogether: 6400,
  names: 100_000,
  commits: 1000,
  pairs: 200_000,
  gets: 100_000,
  largeBytes: 400 * MEBIBYTE,
  parts: 1000,
  streamChunks: 1024,
  appends: 10_000,
  importFiles: 8535,
  importBytes: 135_000_000,
  reopenNames: 1_000_000,
  reopenChunks: 1024,
  growthNames: 1_000_000,
  growthMiB: 4096
}

/**
 * What every contestant does once before the first round: enough of the small work for what is compiled while it runs, and none of that
 * counts.
 */
export const before: Scale = {
  name: "before",
  rounds: 1,
  puts: 3000,
  putsTogether: 32_000,
  names: 1000,
  commits: 50,
  pairs: 30_000,
  gets: 30_000,
  largeBytes: 32 * MEBIBYTE,
  parts: 10_000,
  streamChunks: 32,
  appends: 60_000,
  importFiles: 6000,
  importBytes: 95_000_000,
  reopenNames: 1000,
  reopenChunks: 8,
  growthNames: 1000,
  growthMiB: 1
}

export const quick: Scale = {
  name: "quick",
  rounds: 1,
  puts: 100,
  putsTogether: 640,
  names: 10_000,
  commits: 50,
  pairs: 10_000,
  gets: 10_000,
  largeBytes: 32 * MEBIBYTE,
  parts: 1000,
  streamChunks: 32,
  appends: 2000,
  importFiles: 400,
  importBytes: 6_000_000,
  reopenNames: 20_000,
  reopenChunks: 64,
  growthNames: 10_000,
  growthMiB: 64
}
