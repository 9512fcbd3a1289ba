/**
 * A volume for code without Effect: promises, and errors with codes.
 *
 *     await using volume = await openVolume({ path: "data.notafs", size: 1 << 30, format: "if-blank" })
 *     await volume.fs.writeFile("/greeting", "hello")
 *     await volume.transaction(async (fs) => {
 *       await fs.rename("/greeting", "/old")
 *       await fs.writeFile("/greeting", "hello again")
 *     })
 */
import { fileURLToPath } from "node:url"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import type { Problem } from "../core/CheckReport.ts"
import type { BlockDevice } from "../shell/BlockDevice.ts"
import * as FileDevice from "../shell/FileDevice.ts"
import type { DeviceFailed, Locked } from "../shell/DeviceError.ts"
import type { Snapshot } from "../shell/Snapshots.ts"
import type { Statistics } from "../shell/Statistics.ts"
import * as Volume from "../shell/Volume.ts"
import * as VolumeFileSystem from "../shell/VolumeFileSystem.ts"
import { Caller } from "./Caller.ts"
import * as Promises from "./Promises.ts"
import * as SystemError from "./SystemError.ts"

/** Sizes in bytes. */
export interface OpenOptions extends Omit<FileDevice.Options, "path" | "readOnly">, Omit<Volume.Options, "size"> {
  /** The file or raw disk that the volume is in. */
  readonly path?: string | URL | undefined
  /** What the volume is on instead of a file: a `MemoryDevice.layer` in a test, for instance. */
  readonly device?: Layer.Layer<BlockDevice, DeviceFailed | Locked> | undefined
  /** Writes nothing and takes no lock: beside a writer in another process. */
  readonly readOnly?: boolean | undefined
  /** Taken from the permission bits of what is made, as the system does: 0o022 by default. */
  readonly umask?: number | undefined
}

/** A volume that is open until it is closed. Every failure is an error with a `code`, and ours as its `cause`. */
export interface OpenVolume extends AsyncDisposable {
  /** An object of the shape of `node:fs/promises`; each call of it is a transaction of its own. */
  readonly fs: Promises.Promises
  /**
   * Runs `use`, of which all calls on files commit as one when its promise is fulfilled, and leave nothing behind when that is
   * rejected. Other writers wait until it has ended, and nobody else sees a part of it.
   */
  readonly transaction: <A>(use: (fs: Promises.Promises) => Promise<A>) => Promise<A>
  /** Runs `use`, of which all calls read one durable state. */
  readonly view: <A>(use: (fs: Promises.Promises) => Promise<A>) => Promise<A>
  /** Makes everything durable that has succeeded. */
  readonly sync: () => Promise<void>
  /** Verifies the newest durable root, with `deep` the content of files too: what is wrong, nothing if all is well. */
  readonly check: (options?: { readonly deep?: boolean | undefined }) => Promise<ReadonlyArray<Problem>>
  readonly statistics: () => Promise<Statistics>
  /** States that were committed and stay whole. */
  readonly snapshots: {
    readonly create: (name: string) => Promise<void>
    readonly list: () => Promise<ReadonlyArray<Snapshot>>
    readonly remove: (name: string) => Promise<void>
    readonly rollback: (name: string, options?: { readonly discardNewer?: boolean }) => Promise<void>
  }
  /** Ends what is under way and closes the device; a second time it does nothing. */
  readonly close: () => Promise<void>
}

const deviceOf = (options: OpenOptions): Layer.Layer<BlockDevice, DeviceFailed | Locked> => {
  const { device, path } = options
  if (device !== undefined) return device
  if (path === undefined) {
    const message = 'openVolume needs the "path" of a file or disk, or a "device"'
    throw Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_TYPE" })
  }
  return FileDevice.layer({ ...options, path: path instanceof URL ? fileURLToPath(path) : path })
}

/** Opens the volume in a file, which is made if there is none and `size` is given. */
export const openVolume = async (options: OpenOptions): Promise<OpenVolume> => {
  const { readOnly = false, umask = VolumeFileSystem.UMASK } = options
  // The size of the file is the device's; the volume takes all of it.
  const { size: _size, ...volumeOptions } = options
  const opened = readOnly ? Volume.layerReadOnly(volumeOptions) : Volume.layer(volumeOptions)
  const runtime = ManagedRuntime.make(Layer.provide(opened, deviceOf(options)))
  const volume = await runtime.runPromise(Volume.Volume).catch(async (error: unknown) => {
    await runtime.dispose()
    throw SystemError.ofVolume(error)
  })
  const caller = new Caller(volume, umask)
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => (closing ??= runtime.dispose())
  return {
    fs: Promises.make(caller),
    transaction: async (use) => caller.transaction(async (inside) => use(Promises.make(inside))),
    view: async (use) => caller.view(async (inside) => use(Promises.make(inside))),
    sync: async () => caller.run(volume.sync),
    check: async (checkOptions) => (await caller.run(volume.check(checkOptions))).problems,
    statistics: async () => caller.run(volume.statistics),
    snapshots: {
      create: async (name) => caller.run(volume.snapshots.create(name)),
      list: async () => caller.run(volume.snapshots.list),
      remove: async (name) => caller.run(volume.snapshots.remove(name)),
      rollback: async (name, rollbackOptions) => caller.run(volume.snapshots.rollback(name, rollbackOptions))
    },
    close,
    [Symbol.asyncDispose]: close
  }
}
