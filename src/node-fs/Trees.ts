/**
 * Making, removing and copying of trees by the options of Node's `mkdir`, `rm` and `cp`: all of it or nothing.
 */
import { constants } from "node:os"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileCopy from "../shell/FileCopy.ts"
import * as Files from "../shell/Files.ts"
import type { Caller } from "./Caller.ts"
import * as SystemError from "./SystemError.ts"

export interface Options {
  readonly force?: boolean | undefined
  readonly recursive?: boolean | undefined
}

export interface CopyOptions {
  readonly recursive?: boolean | undefined
  readonly force?: boolean | undefined
  readonly errorOnExist?: boolean | undefined
  readonly preserveTimestamps?: boolean | undefined
}

/** An error of Node's own, which is none of the system. */
const refusal = (code: string, message: string, more: object): Error => {
  const error = new Error(message)
  Object.defineProperty(error, "name", { value: "SystemError", configurable: true, writable: true })
  return Object.assign(error, { code, ...more })
}

/** `/a/b/c`: `/a`, `/a/b`, `/a/b/c`. */
const waysTo = (path: string): ReadonlyArray<string> =>
  Array.from(path.matchAll(/(?<=[^/])(?:\/|$)/g), ({ index }) => path.slice(0, index))

/** Makes a folder and those above it, and answers the first that was not there. */
export const makeFolders = async (caller: Caller, path: string, mode: number): Promise<string | undefined> => {
  const { volume } = caller
  const ways = waysTo(path)
  const isThere = (way: string) => Effect.orElseSucceed(Files.exists(volume, way), () => true)
  const made = Effect.gen(function* () {
    const found = yield* Effect.forEach(ways, isThere)
    const first = ways.find((_way, index) => !found[index])
    yield* Files.makeFolder(volume, path, { recursive: true, mode })
    // The whole path is answered as it was given.
    return first === ways.at(-1) ? path : first
  })
  return caller
    .call({ syscall: "mkdir", path }, volume.transaction(made))
    .catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTDIR") throw error
      // A symbolic link that leads to nothing is what Node names.
      const isDangling = (way: string) => Effect.map(isThere(way), (is) => !is)
      const dangling = Effect.flatMap(Effect.filter(ways, isDangling), ([way = path]) =>
        Effect.map(Effect.exit(Files.readLink(volume, way)), (link) => (Exit.isSuccess(link) ? way : path))
      )
      throw SystemError.make("ENOTDIR", { syscall: "mkdir", path: await caller.run(dangling) }, error.cause)
    })
}

/** Removes a file or a symbolic link; a folder with all that is in it only if that was asked for. */
export const remove = async (caller: Caller, path: string, options: Options = {}): Promise<void> => {
  const { volume } = caller
  const { force = false, recursive = false } = options
  const ignoring = (error: NodeJS.ErrnoException): undefined => {
    if (force && error.code === "ENOENT") return undefined
    throw error
  }
  const found = await caller.call({ syscall: "lstat", path }, Files.lstat(volume, path)).catch(ignoring)
  if (found === undefined) return
  if (found.type === "Folder" && !recursive) {
    const message = `Path is a directory: rm returned EISDIR (is a directory) ${path}`
    throw refusal("ERR_FS_EISDIR", message, { path, syscall: "rm", errno: constants.errno.EISDIR })
  }
  const removed = found.type === "Folder" ? Files.removeTree(volume, path) : Files.unlink(volume, path)
  await caller.call({ syscall: "rm", path }, removed).catch(ignoring)
}

/** Copies a file, or a folder with all that is in it. */
export const copyTree = async (caller: Caller, from: string, to: string, options: CopyOptions = {}): Promise<void> => {
  const { volume } = caller
  const { errorOnExist = false, force = true, preserveTimestamps = false, recursive = false } = options
  const source = await caller.call({ syscall: "lstat", path: from }, Files.lstat(volume, from))
  if (source.type === "Folder" && !recursive) {
    const message = `Recursive option not enabled, cannot copy a directory: cp returned EISDIR (${from} is a directory (not copied)) ${from}`
    throw refusal("ERR_FS_EISDIR", message, { path: from, syscall: "cp" })
  }
  const copied = FileCopy.copy(volume, from, to, { overwrite: force, preserveTimestamps })
  if (force || !errorOnExist) return caller.call({ syscall: "cp", path: from, dest: to }, copied)
  const isThere = await caller.call({ syscall: "lstat", path: to }, Files.exists(volume, to))
  if (isThere && source.type !== "Folder") {
    throw refusal("ERR_FS_CP_EEXIST", `Target already exists: cp returned EEXIST (${to} already exists) ${to}`, {
      path: to
    })
  }
  return caller.call({ syscall: "cp", path: from, dest: to }, copied)
}
