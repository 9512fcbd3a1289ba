/**
 * How much of a send stream is made, kept in memory and kept on the volume at a time, in bytes.
 */

/** A step of a sender ends with the record that reaches as many bytes. */
export const STEP_BYTES = 256 * 1024
/** The most content in one record. */
export const WRITE_BYTES = 128 * 1024
/** More than this is kept on the volume while it arrives. */
export const MEMORY_BYTES = 8 * 1024 * 1024
/** A stream that breaks off after less is not worth keeping. */
export const KEPT_BYTES_MIN = 256 * 1024
