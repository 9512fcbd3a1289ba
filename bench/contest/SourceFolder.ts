/** A folder of the system as the contestants read it: all of them in the same way, so that what differs is the writing. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

export interface SourceEntry {
  /** With slashes, and one before it. */
  readonly path: string
  readonly isFolder: boolean
  readonly read: () => Buffer
}

/** A folder stands before what is in it. */
export const entriesOf = function* (folder: string, above = ""): Generator<SourceEntry> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = `${above}/${entry.name}`
    const source = join(folder, entry.name)
    yield { path, isFolder: entry.isDirectory(), read: () => readFileSync(source) }
    if (entry.isDirectory()) yield* entriesOf(source, path)
  }
}
