/** A write is a value: whole pages and where they go. Only the shell performs it. */
export interface Write {
  /** The first page. */
  readonly address: number
  /** Whole pages; not changed any more. */
  readonly bytes: Uint8Array
}
