/**
 * `notafs info`: what a volume is and holds.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Receipt from "../shell/Receipt.ts"
import { Volume } from "../shell/Volume.ts"
import { printable } from "./Failure.ts"
import * as Image from "./Image.ts"
import * as Show from "./Show.ts"
import * as Sizes from "./Sizes.ts"

export const command = Command.make(
  "info",
  { image: Image.argument, atLeast: Image.atLeastFlag, json: Show.jsonFlag },
  Effect.fnUntraced(
    function* ({ json }) {
      const volume = yield* Volume
      const { facts } = volume
      const statistics = yield* volume.statistics
      const receipt = Receipt.encode(yield* volume.receipt)
      const receiving = yield* volume.receiving
      const used = statistics.size - statistics.free
      if (json) {
        return yield* Show.json({
          device: facts.device,
          volumeId: Show.hex(facts.volumeId),
          pageSize: statistics.pageBytes,
          checksum: facts.checksum,
          size: statistics.size,
          sizeMax: facts.sizeMax,
          used,
          free: statistics.free,
          allocatable: statistics.allocatable,
          reserved: statistics.reserved,
          inodes: statistics.inodeCount,
          generation: statistics.generation,
          receipt,
          receiving,
          rootSlots: facts.rootSlots,
          rejectedRoots: facts.rejectedRoots
        })
      }
      const percent = ((used / statistics.size) * 100).toFixed(1)
      yield* Console.log(
        Show.columns([
          ["device", facts.device],
          ["volume", Show.hex(facts.volumeId)],
          [
            "pages",
            `${Show.count(statistics.size / statistics.pageBytes, "page")} of ${Sizes.show(statistics.pageBytes)}`
          ],
          ["checksums", facts.checksum],
          ["size", `${Sizes.show(statistics.size)}, at most ${Sizes.show(facts.sizeMax)} later`],
          ["used", `${Sizes.show(used)} (${percent} %)`],
          ["free", `${Sizes.show(statistics.free)}, ${Sizes.show(statistics.reserved)} of it kept for deletions`],
          ["inodes", Show.count(statistics.inodeCount, "file, folder or link", "files, folders and links")],
          ["commit", `number ${statistics.generation}`],
          ["receipt", receipt],
          ...(receiving === undefined
            ? []
            : [["receiving", `${printable(receiving.snapshot)}: ${Show.count(receiving.frames, "frame")} kept`]]),
          ...(facts.rejectedRoots.length === 0
            ? []
            : [["rejected", `roots ${facts.rejectedRoots.join(", ")}: not complete, passed over`]])
        ]).join("\n")
      )
    },
    (effect, { atLeast, image }) => Image.reading(image, atLeast)(effect)
  )
).pipe(Command.withDescription("Show what a volume is and how full it is"))
