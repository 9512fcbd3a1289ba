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

const random: Identity = {
  next: () => globalThis.crypto.getRandomValues(new Uint8Array(ID_BYTES)),
  boot: new Uint8Array(ID_BYTES)
}

/** The source of ids; random by default. */
export const Identity = Context.Reference<Identity>("notafs/shell/Identity", { defaultValue: () => random })
