/**
 * A volume for code that knows `node:fs` and promises, and not Effect.
 */
export { type OpenOptions, openVolume, type OpenVolume } from "./node-fs/OpenVolume.ts"
export type { Handle } from "./node-fs/Handle.ts"
export type { Promises } from "./node-fs/Promises.ts"
