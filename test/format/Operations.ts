/** Random operations on files that a seed fixes. Some of them fail, as they would for a caller: that is part of it. */
import * as Result from "effect/Result"
import * as Attributes from "../../src/core/Attributes.ts"
import * as Content from "../../src/core/Content.ts"
import type { FileResult } from "../../src/core/FileError.ts"
import * as Files from "../../src/core/Files.ts"
import * as Inode from "../../src/core/Inode.ts"
import type { RootsDraft } from "../../src/core/Inodes.ts"
import type { Layout } from "../../src/core/Layout.ts"
import * as Names from "../../src/core/Names.ts"
import * as Orphans from "../../src/core/Orphans.ts"
import * as Path from "../../src/core/Path.ts"
import { Random } from "../../src/testing/Random.ts"

/** An operation on a draft. It draws nothing itself, so it can be attempted again. */
export type Operation = (draft: RootsDraft) => FileResult<unknown>

const firstTime = 1_700_000_000_000_000_000n
const timeStep = 1_000_003n
const encoder = new TextEncoder()
const folderName = "f"

export const pathOf = (layout: Layout, path: string): Path.Path =>
  Result.getOrThrowWith(Path.parse(layout, path), (error) => new Error(`${path}: ${error._tag}`))

const atPlace =
  (path: string, use: (draft: RootsDraft, place: Names.Place) => FileResult<unknown>): Operation =>
  (draft) =>
    Result.flatMap(Names.place(draft, draft.roots.names, pathOf(draft.layout, path)), (place) => use(draft, place))

/** Uses an inode that was made lately, or is gone already. */
const atNumber =
  (back: number, use: (draft: RootsDraft, number: number) => FileResult<unknown>): Operation =>
  (draft) =>
    use(draft, Math.max(Inode.ROOT + 1, draft.roots.nextInode - 1 - back))

/** A source of operations. The same seed and page size give the same operations, for ever. */
export class Operations {
  readonly #random: Random
  readonly #pageBytes: number
  readonly #names: ReadonlyArray<string>
  #time = firstTime

  constructor(seed: number, pageBytes: number) {
    this.#random = new Random(seed)
    this.#pageBytes = pageBytes
    this.#names = ["a", "b", "ab", "c", "ünï¢ødé", "long".repeat(20), "d", "e", "g", "h", "i", "j", "k", "l", "m", "n"]
  }

  /** The next operation. */
  next(): Operation {
    this.#time += timeStep
    const time = this.#time
    const random = this.#random
    const kind = random.below(100)
    const path = kind < 6 && random.chance(0.7) ? `/${folderName}`.repeat(1 + random.below(2)) : this.#path()
    const other = this.#path()
    const back = random.below(random.chance(0.5) ? 12 : 60)
    const isOpen = random.chance(0.3)
    const isRare = random.chance(0.01)
    const open = { has: () => isOpen }
    const offset = this.#bytes()
    const count = this.#bytes()
    const content = random.bytes(this.#bytes())
    if (kind < 40) return this.#create(path, kind, content, time)
    if (kind < 44) {
      return atNumber(back, (draft, number) =>
        Result.flatMap(Names.place(draft, draft.roots.names, pathOf(draft.layout, other)), (place) =>
          Files.link(draft, number, place, time)
        )
      )
    }
    if (kind < 49) return atPlace(path, (draft, place) => Files.unlink(draft, place, time, open))
    if (kind < 50) return atPlace(path, (draft, place) => Files.removeFolder(draft, place, time, open))
    if (isRare) return atPlace(path, (draft, place) => Files.removeTree(draft, place, time, open))
    if (kind < 53) {
      return atPlace(path, (draft, from) =>
        Result.flatMap(Names.place(draft, draft.roots.names, pathOf(draft.layout, other)), (to) =>
          Files.rename(draft, from, to, time, open)
        )
      )
    }
    if (kind < 65) return atNumber(back, (draft, number) => Content.write(draft, number, offset, content, time))
    if (kind < 72) return atNumber(back, (draft, number) => Content.append(draft, number, content, time))
    if (kind < 77) return atNumber(back, (draft, number) => Content.insert(draft, number, offset, content, time))
    if (kind < 81) return atNumber(back, (draft, number) => Content.remove(draft, number, offset, count, time))
    if (kind < 86) return atNumber(back, (draft, number) => Content.punch(draft, number, offset, count, time))
    if (kind < 88) return atNumber(back, (draft, number) => Content.truncate(draft, number, offset, time))
    if (kind < 92) return this.#change(back, time)
    if (kind < 98) return this.#attribute(back, time)
    return (draft) => Result.succeed(Orphans.sweep(draft, 1 + (count % 7), time, { has: () => false }))
  }

  #create(path: string, kind: number, content: Uint8Array, time: bigint): Operation {
    const type = kind < 6 ? Inode.FOLDER : kind < 9 ? Inode.SYMBOLIC_LINK : Inode.FILE
    const bytes =
      type === Inode.FOLDER
        ? new Uint8Array(0)
        : type === Inode.SYMBOLIC_LINK
          ? encoder.encode("../target/".repeat(1 + (content.length % 80)))
          : content
    const made = {
      type,
      mode: this.#random.below(0o10000),
      uid: this.#random.uint32(),
      gid: 100,
      content: bytes
    } as const
    return atPlace(path, (draft, place) => Files.create(draft, place, made, time))
  }

  #change(back: number, time: bigint): Operation {
    const random = this.#random
    const changes = {
      mode: random.below(0o10000),
      uid: random.uint32(),
      gid: random.uint32(),
      accessTime: -BigInt(random.uint32()) * 1_000_000_000n,
      modifyTime: BigInt(random.uint32())
    }
    return atNumber(back, (draft, number) => Attributes.change(draft, number, changes, time))
  }

  #attribute(back: number, time: bigint): Operation {
    const random = this.#random
    const name = encoder.encode(`user.${this.#names[random.below(4)]}`)
    const value = random.bytes(random.below(random.chance(0.2) ? this.#pageBytes / 2 : 20))
    const isRemoved = random.chance(0.2)
    return atNumber(back, (draft, number) =>
      isRemoved
        ? Attributes.remove(draft, number, name, time)
        : Attributes.set(draft, number, name, value, "Either", time)
    )
  }

  #path(): string {
    const depth = 1 + this.#random.below(3)
    const parts = Array.from({ length: depth }, () => this.#names[this.#random.below(this.#names.length)])
    // The folders are mostly called the same, so that most paths lead somewhere.
    const folders = parts.slice(1).map((name) => (this.#random.chance(0.7) ? folderName : name))
    return `/${[...folders, parts[0]].join("/")}`
  }

  /** A number of bytes: mostly few, now and then some pages. */
  #bytes(): number {
    const random = this.#random
    if (random.chance(0.5)) return random.below(200)
    return random.below((random.chance(0.2) ? 12 : 3) * this.#pageBytes)
  }
}
