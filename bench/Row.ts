/** One figure. */
export interface Row {
  readonly row: string
  readonly value: number
  readonly unit: "ratio" | "ms" | "MiB" | "pages" | "syncs"
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
