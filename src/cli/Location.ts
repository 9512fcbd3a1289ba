/**
 * Paths on the command line: `@` marks one inside the volume, and all others are of the host.
 *
 * - `@/a/b`, `@a/b` and, for the root, `@` or `@/`. A host path that begins with `@` is written `./@x`.
 * - Where a path can only be inside the volume the mark may be left out, and a leading `@/` is taken as the mark.
 */
import * as nodePath from "node:path"

export type Location =
  | { readonly _tag: "Inside"; readonly path: string }
  | { readonly _tag: "Host"; readonly path: string }

export const parse = (text: string): Location =>
  text.startsWith("@")
    ? { _tag: "Inside", path: inside(text.slice(1)) }
    : { _tag: "Host", path: text === "" ? "" : nodePath.resolve(text) }

const inside = (path: string): string => (path === "" ? "/" : path.startsWith("/") ? path : `/${path}`)

/** A path that can only be inside the volume. */
export const parseInside = (text: string): string =>
  text === "@" || text.startsWith("@/") ? inside(text.slice(1)) : text
