/** Where the benchmarks stand: as sources, or built into `bench/dist` with the library beside them. */
import { extname, join, resolve } from "node:path"

const extension = extname(import.meta.filename)

/** The project's folder. */
export const root = resolve(import.meta.dirname, extension === ".ts" ? ".." : "../../..")

/** A script that stands below a folder of the benchmarks or of the library, by its name without an extension. */
export const script = (...names: ReadonlyArray<string>): string => join(...names) + extension
