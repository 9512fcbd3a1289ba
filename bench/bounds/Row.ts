/** One figure. */
export interface Row {
  readonly row: string
  readonly value: number
  readonly unit: "ratio" | "ms" | "KiB" | "MiB" | "pages" | "syncs" | "problems"
  /** What it must not exceed. */
  readonly bound?: number
  /** Where the figure comes from. */
  readonly ours?: number
  readonly baseline?: number
  readonly note?: string
}

/** Milliseconds that `f` takes. */
export const time = async (f: () => unknown): Promise<number> => {
  const start = performance.now()
  await f()
  return performance.now() - start
}

export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

/** What the command line says about rows. */
export interface Options {
  /** How many snapshots the row about them takes. */
  readonly snapshots: number
}
