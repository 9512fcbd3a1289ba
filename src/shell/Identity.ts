/**
 * Where ids come from: random, unless a program that wants equal images says otherwise (I15).
 */
import * as Context from "effect/Context"
import { ID_BYTES } from "../core/RootRecord.ts"

export interface Identity {
  /** A fresh id of 16 bytes: of a volume, of a session. */
  readonly next: () => Uint8Array
  /** The id of the machine's boot, or zeros where it is unknown. */
  readonly boot: Uint8Array
}

/** Random bytes for some ids: asking the system takes longer than opening a volume should. */
const pool = new Uint8Array(64 * ID_BYTES)
let used = pool.length

const random: Identity = {
  next: () => {
    if (used === pool.length) {
      globalThis.crypto.getRandomValues(pool)
      used = 0
    }
    return pool.slice(used, (used += ID_BYTES))
  },
  boot: new Uint8Array(ID_BYTES)
}

/** The source of ids; random by default. */
export const Identity = Context.Reference<Identity>("notafs/shell/Identity", { defaultValue: () => random })
