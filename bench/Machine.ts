/** What the figures were measured on, without any name or path of it. */
import { execFileSync } from "node:child_process"
import { cpus, platform, release, totalmem } from "node:os"

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly system: string
  readonly fileSystem: string
  readonly node: string
}

/** The kind of file system that a folder is in, where the system tells. */
const fileSystemOf = (folder: string): string => {
  try {
    return execFileSync("stat", ["-f", "-c", "%T", folder], { encoding: "utf8" }).trim()
  } catch {
    return "unknown"
  }
}

export const describe = (folder: string): Machine => ({
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: `${platform()} ${/^\d+\.\d+/.exec(release())?.[0] ?? ""}`.trim(),
  fileSystem: fileSystemOf(folder),
  node: process.version
})
