/**
 * System calls that go wrong on demand: replaces functions of `node:fs`, for all importers of this thread.
 */
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"

/** An error as the system gives it. */
export const systemError = (code: string, text: string, syscall: string): Error =>
  Object.assign(new Error(`${code}: ${text}, ${syscall}`), { code, syscall })

/** Puts other functions in the place of those of `node:fs`, until what it returns is called. */
export const replace = (others: Partial<typeof fs>): (() => void) => {
  const names = Object.keys(others) as Array<keyof typeof fs>
  const originals = Object.fromEntries(names.map((name) => [name, fs[name]]))
  Object.assign(fs, others)
  syncBuiltinESMExports()
  return () => {
    Object.assign(fs, originals)
    syncBuiltinESMExports()
  }
}
