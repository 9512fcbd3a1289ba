/**
 * File operations by path on a {@link TestVolume}: what a test of one rule says in one line.
 */
import * as Result from "effect/Result"
import * as Content from "../../src/core/Content.ts"
import type { FileResult } from "../../src/core/FileError.ts"
import * as Files from "../../src/core/Files.ts"
import * as Folder from "../../src/core/Folder.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Inodes from "../../src/core/Inodes.ts"
import * as Names from "../../src/core/Names.ts"
import * as Orphans from "../../src/core/Orphans.ts"
import * as Path from "../../src/core/Path.ts"
import { type Options, TestVolume } from "./TestVolume.ts"

const NOTHING = new Uint8Array(0)
const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class TestFiles {
  readonly volume: TestVolume
  /** Numbers of open files. */
  readonly open = new Set<number>()
  time = BigInt(100)

  constructor(options: Partial<Options> = {}) {
    this.volume = new TestVolume(options)
  }

  at<A>(
    path: string,
    operation: (draft: Inodes.RootsDraft, place: Names.Place) => FileResult<A>,
    find: typeof Names.place = Names.place
  ): FileResult<A> {
    return this.volume.run((draft) =>
      Path.parse(draft.layout, path).pipe(
        Result.flatMap((parsed) => find(draft, draft.roots.names, parsed)),
        Result.flatMap((place) => operation(draft, place))
      )
    )
  }

  #make(path: string, type: Inode.Type, content: Uint8Array): FileResult<number> {
    const made: Files.New = { type, mode: 0o644, uid: 0, gid: 0, content }
    return this.at(path, (draft, place) => Files.create(draft, place, made, this.time++))
  }

  file(path: string, content: Uint8Array = NOTHING): FileResult<number> {
    return this.#make(path, Inode.FILE, content)
  }

  folder(path: string): FileResult<number> {
    return this.#make(path, Inode.FOLDER, NOTHING)
  }

  symbolicLink(path: string, target: string): FileResult<number> {
    return Result.flatMap(Path.linkTarget(target), (bytes) => this.#make(path, Inode.SYMBOLIC_LINK, bytes))
  }

  link(from: string, to: string): FileResult<void> {
    return Result.flatMap(this.resolve(from, false), (number) =>
      this.at(to, (draft, place) => Files.link(draft, number, place, this.time++))
    )
  }

  unlink(path: string): FileResult<Orphans.Removal> {
    return this.at(path, (draft, place) => Files.unlink(draft, place, this.time++, this.open))
  }

  removeFolder(path: string): FileResult<Orphans.Removal> {
    return this.at(path, (draft, place) => Files.removeFolder(draft, place, this.time++, this.open))
  }

  removeTree(path: string): FileResult<Orphans.Removal> {
    return this.at(path, (draft, place) => Files.removeTree(draft, place, this.time++, this.open))
  }

  rename(from: string, to: string): FileResult<Orphans.Removal> {
    return this.at(from, (draft, place) =>
      Path.parse(draft.layout, to).pipe(
        Result.flatMap((parsed) => Names.place(draft, draft.roots.names, parsed)),
        Result.flatMap((goal) => Files.rename(draft, place, goal, this.time++, this.open))
      )
    )
  }

  resolve(path: string, follow = true): FileResult<number> {
    const entry = Result.flatMap(Path.parse(this.volume.layout, path), (parsed) =>
      this.volume.read((pages) => Names.resolve(pages, this.volume.names, parsed, follow))
    )
    return Result.map(entry, ({ number }) => number)
  }

  inode(number: number): Inode.Inode | undefined {
    return this.volume.read((pages) => Inodes.get(pages, this.volume.names, number))
  }

  stat(path: string, follow = true): FileResult<Inode.Inode | undefined> {
    return Result.map(this.resolve(path, follow), (number) => this.inode(number))
  }

  list(path: string): FileResult<ReadonlyArray<string>> {
    return this.resolve(path).pipe(
      Result.flatMap((number) =>
        this.volume.read((pages) => Folder.list(pages, this.volume.names, number, undefined, 100_000))
      ),
      Result.map((entries) => entries.map(({ name }) => decoder.decode(name)))
    )
  }

  write(number: number, offset: number, content: Uint8Array | string): FileResult<number> {
    const bytes = typeof content === "string" ? encoder.encode(content) : content
    return this.volume.run((draft) => Content.write(draft, number, offset, bytes, this.time++))
  }

  read(number: number, offset: number, count: number): FileResult<Uint8Array> {
    const target = new Uint8Array(count)
    const read = this.volume.read((pages) => Content.read(pages, this.volume.names, number, offset, target))
    return Result.map(read, (length) => target.subarray(0, length))
  }

  /** Cuts off or extends, and answers how many calls that took. */
  truncate(number: number, size: number): FileResult<number> {
    for (let calls = 1; ; calls++) {
      const done = this.volume.run((draft) => Content.truncate(draft, number, size, this.time++))
      if (Result.isFailure(done) || done.success) return Result.map(done, () => calls)
    }
  }

  /** Reaps all orphans that are not open, and answers how many calls that took. */
  sweep(steps: number): number {
    for (let calls = 0; ; calls++) {
      if (this.volume.run((draft) => Orphans.sweep(draft, steps, this.time++, this.open))) return calls
    }
  }
}

/** The value of a result, or the tag of its failure. */
export const outcome = <A>(result: FileResult<A>): A | string =>
  Result.isSuccess(result) ? result.success : result.failure._tag
