/**
 * How much of a send stream is made, kept in memory and kept on the volume at a time.
 */
export const transferBounds = {
  /** A step of a sender ends with the record that reaches as many bytes. */
  stepBytes: 256 * 1024,
  /** The most content in one record. */
  writeBytes: 128 * 1024,
  /** More than this is kept on the volume while it arrives. */
  memoryBytes: 8 * 1024 * 1024,
  /** A stream that breaks off after less is not worth keeping. */
  keptBytesMin: 256 * 1024
} as const
