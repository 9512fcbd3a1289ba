/**
 * The most memory that this process has had resident. What `getrusage` says is not it: a process inherits that from the one that
 * started it, which may have been larger.
 */
import { readFileSync } from "node:fs"

export const peakMiB = (): number => {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))
    if (found !== null) return Number(found[1]) / 1024
  } catch {
    // Not Linux: there is nothing better than the other figure.
  }
  return process.resourceUsage().maxRSS / 1024
}
