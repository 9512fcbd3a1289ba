/**
 * Whether a volume still has the commit that a receipt is of: asked by an opening, before it writes anything.
 *
 * - The volume has the receipt's id. Its newest root is not older than the receipt's, and where it is the same generation, it is
 *   the same root. So an image that was restored from an old copy is told from the volume that the receipt was given for.
 * - A copy that was restored and then written further has other roots of the same generations: that is seen as long as the slots
 *   hold the root of the receipt's generation, for as many commits as there are slots, less one.
 * - What a rollback to a snapshot has given up is not in the volume any more, though its root is newer.
 */
import * as Effect from "effect/Effect"
import { equal } from "../core/Bytes.ts"
import * as Recovery from "../core/Recovery.ts"
import * as Snapshots from "../core/Snapshots.ts"
import * as Interpreter from "./Interpreter.ts"
import * as Receipt from "./Receipt.ts"
import type { Session } from "./Session.ts"
import * as SlotReading from "./SlotReading.ts"
import * as VolumeError from "./VolumeError.ts"

/** Fails with `RolledBack` if the root that a session has found is not the receipt's or a later one. Reads only. */
export const check = Effect.fnUntraced(function* (session: Session, expected: Receipt.Receipt) {
  const { binding, device, head, superblock } = session
  const found = Receipt.of(binding.volumeId, head.root)
  const refused = (why: VolumeError.RolledBack["why"]) =>
    VolumeError.make(new VolumeError.RolledBack({ device: device.identity, why, expected, found }))
  if (!equal(found.volumeId, expected.volumeId)) return yield* refused("OtherVolume")
  const { generation } = expected
  if (found.generation < generation) return yield* refused("Older")
  const slots = yield* SlotReading.readSlots(device, superblock)
  const roots = [head.root, ...Recovery.roots(binding, superblock, slots.pages)]
  const same = roots.find(({ record }) => record.generation === generation)
  if (same !== undefined && !equal(same.hash, expected.rootHash)) return yield* refused("OtherRoot")
  const isAbandoned = yield* Interpreter.readRoot(session, head, (pages, { snapshots }) =>
    Snapshots.isAbandoned(pages, snapshots, generation)
  )
  if (isAbandoned) return yield* refused("Abandoned")
})
