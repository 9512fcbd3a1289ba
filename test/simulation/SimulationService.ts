/**
 * A volume whose reads and writes are others: in whichever way an operation asks for them.
 */
import type { Volume } from "../../src/shell/Volume.ts"

type Service = Volume["Service"]

export const make = (volume: Service, others: Partial<Pick<Service, "read" | "write">>): Service => {
  const { read, write } = { ...volume, ...others }
  return {
    ...volume,
    read,
    write,
    immediate: { ...volume.immediate, read: (_fiber, f) => read(f), write: (_fiber, f) => write(f) }
  }
}
