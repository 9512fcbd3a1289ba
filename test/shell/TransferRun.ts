/**
 * Two volumes and what goes from one to the other.
 */
import { Effect, type Scope, Stream } from "effect"
import type { DeviceFailed, VolumeError } from "../../src/index.ts"
import { BlockDevice, Files, MemoryDevice, Volume } from "../../src/index.ts"
import { MEBIBYTE } from "./TestVolume.ts"

export type Service = Volume.Volume["Service"]

/** A volume on a device, or on a new one of so many bytes, until the scope ends. */
export const opened = (
  options: Volume.Options,
  device: BlockDevice["Service"] | number = 32 * MEBIBYTE
): Effect.Effect<Service, DeviceFailed | VolumeError, Scope.Scope> =>
  Effect.gen(function* () {
    const made = typeof device === "number" ? yield* MemoryDevice.make({ size: device }) : device
    return yield* Effect.provideService(Volume.open(options), BlockDevice, made)
  })

/** Sends a snapshot from one volume to another. */
export const shipped = (
  source: Service,
  replica: Service,
  name: string,
  options: Volume.SendOptions = {},
  how: Volume.ReceiveOptions = {}
) => replica.receive(source.send(name, options), how)

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** Everything that users see of a volume: names, numbers, attributes, contents, tables. */
export const contentOf = (volume: Service) =>
  volume.view(
    Effect.gen(function* () {
      const lines: Array<string> = []
      for (const { path: relative } of [{ path: "" }, ...(yield* Files.walk(volume, "/"))]) {
        const path = `/${relative}`
        const { accessTime: _a, changeTime: _c, ...stat } = yield* Files.lstat(volume, path)
        const content =
          stat.type === "File"
            ? hex(yield* Files.readFile(volume, path))
            : stat.type === "SymbolicLink"
              ? yield* Files.readLink(volume, path)
              : ""
        const attributes: Array<string> = []
        if (stat.type !== "SymbolicLink") {
          for (const name of yield* Files.attributes(volume, path)) {
            attributes.push(`${name}=${hex(yield* Files.getAttribute(volume, path, name))}`)
          }
        }
        lines.push(`${path} ${Object.values(stat).join(" ")} ${attributes.join(" ")} ${content}`)
      }
      for (const { count, name } of yield* volume.tables) {
        lines.push(`table ${name} ${count}`)
        const entries = yield* Stream.runCollect(volume.table(name).entries())
        lines.push(...entries.map(({ key, value }) => `${hex(key)} ${hex(value)}`))
      }
      return lines
    })
  )
