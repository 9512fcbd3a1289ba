/**
 * The core's only window on the disk: a finite set of pages that are already in memory and verified.
 *
 * - A page that is not there makes `Pages` throw {@link MissingPages} with every pointer that is known to be needed. It is
 *   control flow, not an error: the shell's Interpreter catches it, loads the pages and runs the function again, which is
 *   sound because an attempt that was cut short leaves nothing behind.
 * - A page that verifies but makes no sense is {@link CorruptPage}; decoders throw it, and the Interpreter alone catches it.
 * - There is no `try` in the core.
 */
import type { Layout } from "./Layout.ts"
import * as Pointer from "./Pointer.ts"

/** Thrown where the core cannot go on before these pages are loaded. */
export class MissingPages {
  readonly pointers: ReadonlyArray<Pointer.Pointer>
  constructor(pointers: ReadonlyArray<Pointer.Pointer>) {
    this.pointers = pointers
  }
}

/** Thrown where a verified page makes no sense: `address` where it is known, and what is wrong. */
export class CorruptPage {
  readonly address: number | undefined
  readonly reason: string
  constructor(address: number | undefined, reason: string) {
    this.address = address
    this.reason = reason
  }
}

/** Verified pages, by place and time, and by what they were verified as: what the shell hands in. */
export interface PageSource {
  /** The bytes of the pages at `address` that were born at `birth`, if they are loaded. */
  readonly find: (
    address: number,
    birth: number,
    pageCount: number,
    kind: number,
    level: number
  ) => Uint8Array | undefined
}

/** The right to read. */
export interface Pages {
  readonly layout: Layout
  /**
   * The bytes of the node that the pointer at `bytes[at]` names; throws {@link MissingPages} if it is not loaded.
   * The bytes must not be changed.
   */
  readonly node: (bytes: Uint8Array, at: number, kind: number, level: number) => Uint8Array
  /**
   * The same, but adds a pointer that is not loaded to `missing` and answers `undefined`. The page may be loaded `into`
   * the reader's own bytes; the node is those bytes then.
   */
  readonly peek: (
    bytes: Uint8Array,
    at: number,
    kind: number,
    level: number,
    missing: Array<Pointer.Pointer>,
    into?: Uint8Array
  ) => Uint8Array | undefined
}

/** Pages on disk only: the reader's side. */
export class CleanPages implements Pages {
  readonly layout: Layout
  readonly #source: PageSource
  constructor(layout: Layout, source: PageSource) {
    this.layout = layout
    this.#source = source
  }
  node(bytes: Uint8Array, at: number, kind: number, level: number): Uint8Array {
    const found = this.#find(bytes, at, kind, level)
    if (found === undefined) throw new MissingPages([Pointer.read(this.layout, bytes, at, kind, level)])
    return found
  }
  peek(
    bytes: Uint8Array,
    at: number,
    kind: number,
    level: number,
    missing: Array<Pointer.Pointer>,
    into?: Uint8Array
  ): Uint8Array | undefined {
    const found = this.#find(bytes, at, kind, level)
    if (found === undefined) missing.push({ ...Pointer.read(this.layout, bytes, at, kind, level), into })
    return found
  }
  #find(bytes: Uint8Array, at: number, kind: number, level: number): Uint8Array | undefined {
    const { layout } = this
    if (Pointer.isMemory(layout, bytes, at)) throw new CorruptPage(undefined, "a pointer names a node in memory")
    return this.#source.find(
      Pointer.address(layout, bytes, at),
      Pointer.birth(layout, bytes, at),
      Pointer.pageCount(layout, bytes, at),
      kind,
      level
    )
  }
}

/** Throws for all of `missing` at once, so that a fan-out costs one batch and not one a page. */
export const demand = (missing: ReadonlyArray<Pointer.Pointer>): void => {
  if (missing.length > 0) throw new MissingPages(missing)
}
