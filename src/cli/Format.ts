/**
 * `notafs format`: makes a volume.
 */
import * as fs from "node:fs"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Layout from "../core/Layout.ts"
import type { BlockDevice } from "../shell/BlockDevice.ts"
import * as FileDevice from "../shell/FileDevice.ts"
import * as Volume from "../shell/Volume.ts"
import type { VolumeError } from "../shell/VolumeError.ts"
import { Refused } from "./Failure.ts"
import * as Image from "./Image.ts"
import * as Show from "./Show.ts"
import * as Sizes from "./Sizes.ts"

const flags = {
  size: Sizes.flag("size").pipe(
    Flag.optional,
    Flag.withDescription("The size of the volume, such as 256MiB; by default all of a file or disk that exists")
  ),
  sizeMax: Sizes.flag("size-max").pipe(
    Flag.optional,
    Flag.withDescription("The most that it can ever be resized to (default: 16 times its size)")
  ),
  pageSize: Sizes.flag("page-size").pipe(
    Flag.filter(Layout.isPageBytes, () => "512 bytes to 64KiB, a power of two"),
    Flag.withDefault(Layout.PAGE_BYTES_DEFAULT),
    Flag.withDescription("The unit of allocation, 512 bytes to 64KiB (default 4KiB)")
  ),
  checksum: Flag.Literals("checksum", ["xxh64", "sha256"]).pipe(
    Flag.withDefault("xxh64"),
    Flag.withDescription("xxh64 finds all accidents (default); sha256 withstands chosen content too")
  ),
  force: Flag.Boolean("force").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Destroy what the image holds already")
  )
}

/** Fails unless the device is blank. */
const refuseContent = (image: string): Effect.Effect<void, Refused | VolumeError, BlockDevice> =>
  Volume.open({ format: "never", readOnly: true }).pipe(
    Effect.flatMap(
      (volume) =>
        new Refused({
          reason: `${image} holds a volume already (${Show.hex(volume.facts.volumeId)}). Nothing was changed; to destroy it, use --force.`
        })
    ),
    Effect.catchTag("VolumeError", (error): Effect.Effect<void, Refused | VolumeError> => {
      const { reason } = error
      if (reason._tag === "NotFormatted" && reason.blank) return Effect.void
      if (reason._tag === "DeviceFailed") return Effect.fail(error)
      const what = reason._tag === "NotFormatted" ? "" : " that cannot be opened"
      return new Refused({
        reason: `${image} is not blank: it holds something${what}. Nothing was changed; to destroy it, use --force.`
      })
    }),
    Effect.scoped
  )

export const command = Command.make(
  "format",
  { image: Image.argument, ...flags },
  Effect.fnUntraced(function* ({ checksum, force, image, pageSize, size: wanted, sizeMax }) {
    const size = Option.map(wanted, (bytes) => bytes - (bytes % pageSize)).pipe(Option.getOrUndefined)
    const isNew = !fs.existsSync(image)
    const statistics = yield* Effect.gen(function* () {
      if (!force) yield* refuseContent(image)
      const volume = yield* Volume.open({
        format: force ? "always" : "if-blank",
        pageSize,
        checksum,
        size,
        sizeMax: Option.getOrUndefined(sizeMax)
      })
      return { ...(yield* volume.statistics), volumeId: volume.facts.volumeId }
    }).pipe(
      Effect.scoped,
      Effect.provide(FileDevice.layer({ path: image, size })),
      // A file that was made for a volume that could not be made is of no use.
      Effect.onError(() => Effect.sync(() => isNew && fs.rmSync(image, { force: true })))
    )
    yield* Console.log(
      `${image}: a volume of ${Sizes.show(statistics.size)}, in pages of ${Sizes.show(pageSize)}, checksums ${checksum}, ` +
        `id ${Show.hex(statistics.volumeId)}`
    )
  })
).pipe(
  Command.withDescription("Make a volume in a file, which is created if need be, or on a raw disk"),
  Command.withExamples([
    { command: "notafs format disk.notafs --size 256MiB", description: "A volume in a new file" },
    { command: "notafs format /dev/sdb --force", description: "A volume on a whole disk, destroying what is there" }
  ])
)
