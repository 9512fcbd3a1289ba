/**
 * Folders whose names nobody else has.
 */
import { randomInt } from "node:crypto"
import * as Files from "../shell/Files.ts"
import type { Caller } from "./Caller.ts"

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
const LETTER_COUNT = 6
const ATTEMPTS = 16

/** Makes a folder whose path begins with `prefix`, and answers that path. */
export const makeFolder = async (caller: Caller, prefix: string): Promise<string> => {
  for (let attempt = 1; ; attempt++) {
    const letters = Array.from({ length: LETTER_COUNT }, () => LETTERS[randomInt(LETTERS.length)])
    const path = `${prefix}${letters.join("")}`
    try {
      await caller.call({ syscall: "mkdtemp", path }, Files.makeFolder(caller.volume, path, { mode: 0o700 }))
      return path
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || attempt === ATTEMPTS) throw error
    }
  }
}
