/**
 * What one contestant leaves to the next: memory that the system can keep files in, at hand, and a disk with nothing to do.
 *
 * A virtual machine gives free memory back to its host and gets it again page by page, as it is touched: 16 MiB may then take
 * 50 ms to write into the cache of the system, and 5 ms a moment later. Who comes first must not pay for that.
 */
import { spawnSync } from "node:child_process"
import { closeSync, openSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"

const CALLS = 1800
const chunk = new Uint8Array(1024 * 1024)

/** Writes more than any contestant does, and removes it: what it stood in is free, and stays with the machine for a while. */
export const prime = (folder: string): void => {
  const path = join(folder, "scratch")
  const file = openSync(path, "w")
  for (let call = 0; call < CALLS; call++) writeSync(file, chunk)
  closeSync(file)
  rmSync(path)
}

/** Waits until nothing of what was written before is on its way to the disk. */
export const settle = (): void => void spawnSync("sync")
