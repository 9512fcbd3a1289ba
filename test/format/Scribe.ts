/** Writes files step by step, by path, where the steps are to be read in a test. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Attributes from "../../src/core/Attributes.ts"
import * as Content from "../../src/core/Content.ts"
import type { FileResult } from "../../src/core/FileError.ts"
import * as Files from "../../src/core/Files.ts"
import * as Inode from "../../src/core/Inode.ts"
import type { RootsDraft } from "../../src/core/Inodes.ts"
import * as Names from "../../src/core/Names.ts"
import * as Tables from "../../src/core/Tables.ts"
import type { Volume } from "../../src/shell/Volume.ts"
import type { VolumeError } from "../../src/shell/VolumeError.ts"
import { pathOf } from "./Operations.ts"

type Step = Effect.Effect<void, VolumeError>

const encoder = new TextEncoder()
const firstTime = 1_750_000_000_000_000_000n

/** Bytes that can be told apart and compress well. */
export const pattern = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * seed + (index >> 8)) % 251)

/** Each step is a commit, a second after the one before; one that fails is a defect. */
export class Scribe {
  readonly #volume: Volume["Service"]
  #time = firstTime

  constructor(volume: Volume["Service"]) {
    this.#volume = volume
  }

  folder(path: string): Step {
    return this.#create(path, Inode.FOLDER, 0o755, new Uint8Array(0))
  }

  file(path: string, content: Uint8Array): Step {
    return this.#create(path, Inode.FILE, 0o644, content)
  }

  symbolicLink(path: string, target: string): Step {
    return this.#create(path, Inode.SYMBOLIC_LINK, 0o777, encoder.encode(target))
  }

  link(from: string, to: string): Step {
    return this.#atNumber(from, (draft, number, time) =>
      Result.flatMap(Names.place(draft, draft.roots.names, pathOf(draft.layout, to)), (place) =>
        Files.link(draft, number, place, time)
      )
    )
  }

  rename(from: string, to: string): Step {
    return this.#atPlace(from, (draft, place, time) =>
      Result.flatMap(Names.place(draft, draft.roots.names, pathOf(draft.layout, to)), (other) =>
        Files.rename(draft, place, other, time, { has: () => false })
      )
    )
  }

  /** Removes a file; one that is open stays as an orphan. */
  remove(path: string, isOpen: boolean): Step {
    return this.#atPlace(path, (draft, place, time) => Files.unlink(draft, place, time, { has: () => isOpen }))
  }

  /** Removes a folder with all that is in it, which stays as an orphan. */
  removeTree(path: string): Step {
    return this.#atPlace(path, (draft, place, time) => Files.removeTree(draft, place, time, { has: () => false }))
  }

  write(path: string, offset: number, bytes: Uint8Array): Step {
    return this.#atNumber(path, (draft, number, time) => Content.write(draft, number, offset, bytes, time))
  }

  insert(path: string, offset: number, bytes: Uint8Array): Step {
    return this.#atNumber(path, (draft, number, time) => Content.insert(draft, number, offset, bytes, time))
  }

  punch(path: string, offset: number, count: number): Step {
    return this.#atNumber(path, (draft, number, time) => Content.punch(draft, number, offset, count, time))
  }

  truncate(path: string, size: number): Step {
    return this.#atNumber(path, (draft, number, time) => Content.truncate(draft, number, size, time))
  }

  attribute(path: string, name: string, value: Uint8Array): Step {
    return this.#atNumber(path, (draft, number, time) =>
      Attributes.set(draft, number, encoder.encode(name), value, "New", time)
    )
  }

  change(path: string, changes: Attributes.Changes): Step {
    return this.#atNumber(path, (draft, number, time) => Attributes.change(draft, number, changes, time))
  }

  /** Sets an entry of a table. */
  set(table: string, key: Uint8Array, value: Uint8Array): Step {
    return this.#always((draft) => Tables.put(draft, encoder.encode(table), key, value))
  }

  /** Makes a table. */
  table(table: string): Step {
    return this.#always((draft) => Tables.create(draft, encoder.encode(table)))
  }

  /** Removes an entry of a table, or the table with all that is in it. */
  unset(table: string, key: Uint8Array | undefined): Step {
    const name = encoder.encode(table)
    return this.#always((draft) => {
      if (key === undefined) Tables.drop(draft, name, 1_000_000)
      else Tables.remove(draft, name, key)
    })
  }

  #always(use: (draft: RootsDraft) => unknown): Step {
    return this.#step("", (draft) => Result.succeed(use(draft)))
  }

  #create(path: string, type: Inode.Type, mode: number, content: Uint8Array): Step {
    return this.#atPlace(path, (draft, place, time) =>
      Files.create(draft, place, { type, mode, uid: 1000, gid: 100, content }, time)
    )
  }

  #atPlace(path: string, use: (draft: RootsDraft, place: Names.Place, time: bigint) => FileResult<unknown>): Step {
    return this.#step(path, (draft, time) =>
      Result.flatMap(Names.place(draft, draft.roots.names, pathOf(draft.layout, path)), (place) =>
        use(draft, place, time)
      )
    )
  }

  #atNumber(path: string, use: (draft: RootsDraft, number: number, time: bigint) => FileResult<unknown>): Step {
    return this.#step(path, (draft, time) =>
      Result.flatMap(Names.resolve(draft, draft.roots.names, pathOf(draft.layout, path), false), ({ number }) =>
        use(draft, number, time)
      )
    )
  }

  #step(path: string, use: (draft: RootsDraft, time: bigint) => FileResult<unknown>): Step {
    return Effect.suspend(() => {
      this.#time += 1_000_000_000n
      const time = this.#time
      return Effect.flatMap(
        this.#volume.write((draft) => use(draft, time)),
        (result) => (Result.isSuccess(result) ? Effect.void : Effect.die(new Error(`${path}: ${result.failure._tag}`)))
      )
    })
  }
}
