/**
 * Random sequences of file operations on a volume and on the model of it, compared step by step.
 *
 * The generator leans to the hard cases: few names, so that operations meet; paths with `..`, slashes at the end and
 * symbolic links; renames onto oneself, onto ancestors and into one's own subtree; names as long as they can be.
 */
import * as Result from "effect/Result"
import { assert } from "vitest"
import * as Attributes from "../../src/core/Attributes.ts"
import * as Content from "../../src/core/Content.ts"
import type { FileResult } from "../../src/core/FileError.ts"
import * as FileError from "../../src/core/FileError.ts"
import * as Files from "../../src/core/Files.ts"
import * as Folder from "../../src/core/Folder.ts"
import * as Inode from "../../src/core/Inode.ts"
import * as Inodes from "../../src/core/Inodes.ts"
import * as Names from "../../src/core/Names.ts"
import * as Orphans from "../../src/core/Orphans.ts"
import type { Pages } from "../../src/core/Pages.ts"
import * as Path from "../../src/core/Path.ts"
import * as FilesCheck from "./FilesCheck.ts"
import { FilesModel, FOLDER, type ModelNode, Refusal } from "./FilesModel.ts"
import { makeRandom, TestVolume, type Unkindness } from "./TestVolume.ts"

export interface RunOptions {
  readonly seed: number
  readonly pageBytes: number
  readonly pageCount: number
  readonly steps: number
  readonly unkindness: Unkindness
}

type Histogram = Record<string, number>

const decoder = new TextDecoder()
const encoder = new TextEncoder()

/** The outcome of a step on either side, as text that can be compared. */
const outcome = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === "bigint"
      ? part.toString()
      : part instanceof Uint8Array
        ? Buffer.from(part).toString("base64")
        : part
  ) ?? "nothing"

const PERMISSIONS = 0o640

const join = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const joined = new Uint8Array(parts.reduce((count, part) => count + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

export class FilesRun {
  readonly volume: TestVolume
  readonly model: FilesModel
  readonly histogram: Histogram = {}
  readonly #random: () => number
  readonly #names: ReadonlyArray<string>
  readonly #sizes: ReadonlyArray<number>
  /** The model as it was committed last, and as it was at each savepoint. */
  #committed: FilesModel["state"]
  readonly #savepoints: Array<{
    readonly point: ReturnType<TestVolume["draft"]["savepoint"]>
    readonly state: FilesModel["state"]
  }> = []
  #time = BigInt(1000)

  constructor(options: RunOptions) {
    const { pageBytes, pageCount, seed, unkindness } = options
    this.volume = new TestVolume({ pageBytes, pageCount, seed, unkindness })
    this.#random = makeRandom(seed + 1_000_000)
    const { layout } = this.volume
    const nameBytesMax = Inode.nameBytesMax(layout)
    this.model = new FilesModel(nameBytesMax)
    this.#committed = this.model.save()
    const long = "x".repeat(nameBytesMax - 1)
    this.#names = ["a", "b", "c", "d", "ä", "日本", `${long}y`, `${long}z`]
    const inline = Inode.inlineBytesMax(layout)
    this.#sizes = [0, 1, 30, inline - 1, inline, inline + 1, pageBytes - 1, pageBytes, pageBytes + 1, 3 * pageBytes]
  }

  // ---- choosing

  #below(count: number): number {
    return Math.floor(this.#random() * count)
  }

  #oneOf<A>(choices: ReadonlyArray<A>): A {
    return choices[this.#below(choices.length)]
  }

  /** Short names more often than long ones. */
  #name(): string {
    return this.#names[Math.floor(this.#random() ** 2 * this.#names.length)]
  }

  /** Mostly a path of something that is there, or of something new in a folder that is there. */
  #path(): string {
    const chance = this.#random()
    if (chance < 0.02)
      return this.#oneOf(["/", "", ".", "..", "/.", "//", `/${"n".repeat(256)}`, `/${"a/".repeat(3000)}`])
    let path = ""
    let folder: ModelNode = this.model.state.root
    for (let depth = 0; depth < 6; depth++) {
      const there = [...folder.entries.keys()]
      const isThere = there.length > 0 && this.#random() < 0.6
      const name = isThere ? this.#oneOf(there) : this.#name()
      path += `${this.#random() < 0.05 ? "//" : "/"}${name}`
      const next = folder.entries.get(name)
      if (this.#random() < 0.05) path += this.#oneOf(["/.", "/..", "/../b", `/../${name}`])
      if (next === undefined || next.type !== FOLDER || this.#random() < 0.4) break
      folder = next
    }
    return this.#random() < 0.05 ? `${path}/` : path
  }

  #bytes(): Uint8Array {
    const chance = this.#random()
    const count =
      chance < 0.7
        ? this.#oneOf(this.#sizes)
        : chance < 0.99
          ? this.#below(300)
          : this.#below(40 * this.volume.layout.pageBytes)
    const first = this.#below(256)
    return new Uint8Array(count).map((_, i) => first + i * 7)
  }

  #offset(node: ModelNode | undefined): number {
    const size = node?.content.length ?? 0
    return this.#oneOf([0, size, this.#below(size + 1), this.#below(size + 1), size + this.#oneOf([0, 1, 100, 5000])])
  }

  // ---- running

  #count(what: string): void {
    this.histogram[what] = (this.histogram[what] ?? 0) + 1
  }

  /** Runs a step on both sides and compares. */
  #both(what: string, real: () => FileResult<unknown>, model: () => unknown): void {
    let expected: string
    try {
      expected = outcome(model())
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown
      expected = thrown.tag
    }
    const result = real()
    const got = Result.isSuccess(result) ? outcome(result.success) : result.failure._tag
    if (Result.isFailure(result)) assert.isNotEmpty(FileError.describe(result.failure))
    this.#count(what)
    this.#count(`${what}:${Result.isSuccess(result) ? "ok" : result.failure._tag}`)
    assert.strictEqual(got, expected, what)
  }

  #parse(path: string): FileResult<Path.Path> {
    return Path.parse(this.volume.layout, path)
  }

  readonly #open = { has: (number: number): boolean => this.model.state.open.has(number) }

  /** An operation on the place of a path. */
  #at<A>(
    path: string,
    follow: boolean,
    operation: (draft: Inodes.RootsDraft, place: Names.Place) => FileResult<A>
  ): FileResult<A> {
    const parsed = this.#parse(path)
    if (Result.isFailure(parsed)) return Result.fail(parsed.failure)
    return this.volume.run((draft) => {
      const find = follow ? Names.target : Names.place
      const place = find(draft, draft.roots.names, parsed.success)
      return Result.isFailure(place) ? Result.fail(place.failure) : operation(draft, place.success)
    })
  }

  #resolve(path: string, follow: boolean): FileResult<Inode.Entry> {
    const parsed = this.#parse(path)
    if (Result.isFailure(parsed)) return Result.fail(parsed.failure)
    return this.volume.read((pages) => Names.resolve(pages, this.volume.names, parsed.success, follow))
  }

  /** An operation on the inode of a path or of an open file. */
  #on<A>(
    target: string | number,
    operation: (draft: Inodes.RootsDraft, number: number) => FileResult<A>
  ): FileResult<A> {
    if (typeof target === "number") return this.volume.run((draft) => operation(draft, target))
    const entry = this.#resolve(target, true)
    return Result.isFailure(entry)
      ? Result.fail(entry.failure)
      : this.volume.run((draft) => operation(draft, entry.success.number))
  }

  #node(target: string | number): ModelNode {
    const open = typeof target === "number" ? this.model.state.open.get(target)?.node : undefined
    return open ?? this.model.resolve(target as string, true)
  }

  #peek(target: string | number): ModelNode | undefined {
    try {
      return this.#node(target)
    } catch {
      return undefined
    }
  }

  #target(): string | number {
    const open = [...this.model.state.open.keys()]
    return open.length > 0 && this.#random() < 0.3 ? this.#oneOf(open) : this.#path()
  }

  #sweep(time: bigint): void {
    const steps = this.#oneOf([1, 2, 7, 100])
    while (!this.volume.run((draft) => Orphans.sweep(draft, steps, time, this.#open))) this.#count("sweep")
  }

  /** Calls what works piece by piece until all is done. */
  #pieces(count: number, piece: (done: number) => FileResult<number>): FileResult<undefined> {
    let done = 0
    do {
      const result = piece(done)
      if (Result.isFailure(result)) return Result.fail(result.failure)
      done += result.success
    } while (done < count)
    assert.strictEqual(done, count)
    return Result.succeed(undefined)
  }

  step(): void {
    const { model, volume } = this
    const time = this.#time++
    const done = () => undefined
    switch (this.#oneOf(STEPS)) {
      case "create": {
        const path = this.#path()
        const type = this.#oneOf([Inode.FILE, Inode.FILE, Inode.FOLDER, Inode.FOLDER, Inode.SYMBOLIC_LINK] as const)
        const follow = type === Inode.FILE && this.#random() < 0.5
        const linkTo = this.#path().slice(this.#below(2)) || "a"
        const content =
          type === Inode.FILE ? this.#bytes() : encoder.encode(type === Inode.FOLDER ? "" : linkTo.slice(0, 4096))
        const made = { type, mode: PERMISSIONS, uid: 0, gid: 0, content }
        return this.#both(
          `create ${type}`,
          () => this.#at(path, follow, (draft, place) => Files.create(draft, place, made, time)),
          () => model.create(path, type, PERMISSIONS, content, follow, time)
        )
      }
      case "link": {
        const from = this.#path()
        const to = this.#path()
        return this.#both(
          "link",
          () => {
            const entry = this.#resolve(from, false)
            return Result.isFailure(entry)
              ? Result.fail(entry.failure)
              : this.#at(to, false, (draft, place) => Files.link(draft, entry.success.number, place, time))
          },
          () => model.link(from, to, time)
        )
      }
      case "unlink": {
        const path = this.#path()
        this.#both(
          "unlink",
          () =>
            Result.map(
              this.#at(path, false, (draft, place) => Files.unlink(draft, place, time, this.#open)),
              done
            ),
          () => model.unlink(path, time)
        )
        return this.#random() < 0.7 ? this.#sweep(time) : undefined
      }
      case "removeFolder": {
        const path = this.#path()
        const operation = (draft: Inodes.RootsDraft, place: Names.Place) =>
          Files.removeFolder(draft, place, time, this.#open)
        return this.#both(
          "removeFolder",
          () => Result.map(this.#at(path, false, operation), done),
          () => model.removeFolder(path, time)
        )
      }
      case "removeTree": {
        if (this.#random() < 0.85) return
        const path = this.#path()
        const operation = (draft: Inodes.RootsDraft, place: Names.Place) =>
          Files.removeTree(draft, place, time, this.#open)
        this.#both(
          "removeTree",
          () => Result.map(this.#at(path, false, operation), done),
          () => model.removeTree(path, time)
        )
        return this.#sweep(time)
      }
      case "rename": {
        const from = this.#path()
        const to = this.#random() < 0.3 ? `${from}${this.#oneOf(["", "/", "/b", "/..", "/../a"])}` : this.#path()
        const [a, b] = this.#random() < 0.5 ? [from, to] : [to, from]
        return this.#both(
          "rename",
          () => this.#rename(a, b, time),
          () => model.rename(a, b, time)
        )
      }
      case "write": {
        const target = this.#target()
        const bytes = this.#bytes()
        const offset = this.#offset(this.#peek(target))
        return this.#both(
          "write",
          () => this.#on(target, (draft, number) => Content.write(draft, number, offset, bytes, time)),
          () => {
            const node = model.file(this.#node(target))
            if (bytes.length === 0) return node.content.length
            const content = new Uint8Array(Math.max(node.content.length, offset + bytes.length))
            content.set(node.content)
            content.set(bytes, offset)
            model.setContent(node, content, time)
            return content.length
          }
        )
      }
      case "replace": {
        const target = this.#target()
        const bytes = this.#bytes()
        return this.#both(
          "replace",
          () => {
            for (;;) {
              const result = this.#on(target, (draft, number) => Content.replace(draft, number, bytes, time))
              if (Result.isFailure(result) || result.success) return Result.map(result, done)
            }
          },
          () => model.setContent(model.file(this.#node(target)), bytes, time)
        )
      }
      case "append": {
        const target = this.#target()
        const bytes = this.#bytes()
        return this.#both(
          "append",
          () => this.#on(target, (draft, number) => Content.append(draft, number, bytes, time)),
          () => {
            const node = model.file(this.#node(target))
            if (bytes.length > 0) model.setContent(node, join([node.content, bytes]), time)
            return node.content.length
          }
        )
      }
      case "insert": {
        const target = this.#target()
        const bytes = this.#bytes()
        const offset = this.#offset(this.#peek(target))
        return this.#both(
          "insert",
          () => this.#on(target, (draft, number) => Content.insert(draft, number, offset, bytes, time)),
          () => {
            const node = model.file(this.#node(target))
            const { content } = node
            if (bytes.length === 0) return content.length
            const hole = new Uint8Array(Math.max(0, offset - content.length))
            const inserted = join([content.subarray(0, offset), hole, bytes, content.subarray(offset)])
            model.setContent(node, inserted, time)
            return inserted.length
          }
        )
      }
      case "remove": {
        const target = this.#target()
        const offset = this.#offset(this.#peek(target))
        const count = this.#oneOf([0, 1, 100, this.#below(20000), 2 ** 40])
        return this.#both(
          "remove",
          () =>
            this.#pieces(count, (gone) =>
              this.#on(target, (draft, number) => Content.remove(draft, number, offset, count - gone, time))
            ),
          () => {
            const node = model.file(this.#node(target))
            const { content } = node
            if (count === 0 || offset >= content.length) return
            model.setContent(node, join([content.subarray(0, offset), content.subarray(offset + count)]), time)
          }
        )
      }
      case "punch": {
        const target = this.#target()
        const offset = this.#offset(this.#peek(target))
        const count = this.#oneOf([0, 1, 100, this.#below(20000), 2 ** 40])
        return this.#both(
          "punch",
          () =>
            this.#pieces(count, (gone) =>
              this.#on(target, (draft, number) => Content.punch(draft, number, offset + gone, count - gone, time))
            ),
          () => {
            const node = model.file(this.#node(target))
            if (count === 0 || offset >= node.content.length) return
            model.setContent(node, node.content.slice().fill(0, offset, offset + count), time)
          }
        )
      }
      case "truncate": {
        const target = this.#target()
        const size = this.#offset(this.#peek(target))
        return this.#both(
          "truncate",
          () => {
            for (;;) {
              const result = this.#on(target, (draft, number) => Content.truncate(draft, number, size, time))
              if (Result.isFailure(result) || result.success) return Result.map(result, done)
            }
          },
          () => {
            const node = model.file(this.#node(target))
            const content = new Uint8Array(size)
            content.set(node.content.subarray(0, size))
            model.setContent(node, content, time)
          }
        )
      }
      case "read": {
        const target = this.#target()
        const offset = this.#offset(this.#peek(target))
        const buffer = new Uint8Array(this.#oneOf([1, 100, 9000]))
        return this.#both(
          "read",
          () => {
            const count = this.#on(target, (draft, number) =>
              Content.read(draft, draft.roots.names, number, offset, buffer)
            )
            return Result.map(count, (read) => buffer.subarray(0, read))
          },
          () => model.file(this.#node(target)).content.slice(offset, offset + buffer.length)
        )
      }
      case "readLink": {
        const path = this.#path()
        return this.#both(
          "readLink",
          () =>
            Result.flatMap(this.#resolve(path, false), ({ number }) =>
              volume.read((pages) => Content.readLink(pages, volume.names, number))
            ),
          () => {
            const node = model.resolve(path, false)
            if (node.type !== Inode.SYMBOLIC_LINK) throw new Refusal("NotASymbolicLink")
            return node.content
          }
        )
      }
      case "change": {
        const target = this.#target()
        const changes = {
          mode: this.#random() < 0.5 ? this.#below(0o10000) : undefined,
          uid: this.#random() < 0.5 ? this.#oneOf([0, 1000, 0xffffffff]) : undefined,
          gid: this.#random() < 0.5 ? this.#oneOf([0, 1000, 0xffffffff]) : undefined,
          accessTime: this.#random() < 0.5 ? BigInt(-5) : undefined,
          modifyTime: this.#random() < 0.5 ? BigInt(2) ** BigInt(62) : undefined
        }
        return this.#both(
          "change",
          () => this.#on(target, (draft, number) => Attributes.change(draft, number, changes, time)),
          () => {
            const node = this.#node(target)
            node.mode = changes.mode ?? node.mode
            node.uid = changes.uid ?? node.uid
            node.gid = changes.gid ?? node.gid
            node.accessTime = changes.accessTime ?? node.accessTime
            node.modifyTime = changes.modifyTime ?? node.modifyTime
            node.changeTime = time
          }
        )
      }
      case "attribute":
        return this.#attribute(time)
      case "list":
        return this.#list()
      case "open":
        return this.#openOrClose(time)
      case "sweep":
        return this.#sweep(time)
      case "bulk":
        return this.#bulk()
      case "transaction":
        return this.#transaction()
      case "early":
        if (this.#random() < 0.7) return
        this.#count("early")
        if (!volume.writeEarly()) this.#rollback()
    }
  }

  /** Many small files, or many small changes, so that trees grow and shrink and free pages are scattered. */
  #bulk(): void {
    const { model, volume } = this
    const count = this.#below(150)
    const folder = this.#oneOf(model.folders())
    const isMaking = this.#random() < 0.6
    for (let i = 0; i < count; i++) {
      const time = this.#time++
      const name = `${this.#below(300)}-${"k".repeat(this.#below(100))}`
      const key = encoder.encode(name)
      const there = this.#oneOf([...folder.entries])
      if (isMaking) {
        const content = this.#bytes().subarray(0, 2000)
        const made: Files.New = { type: Inode.FILE, mode: PERMISSIONS, uid: 0, gid: 0, content }
        this.#both(
          "bulk create",
          () =>
            volume.run((draft) =>
              Result.flatMap(Names.placeIn(draft, folder.number, key), (place) =>
                Files.create(draft, place, made, time)
              )
            ),
          () => model.createIn(folder, name, content, PERMISSIONS, time)
        )
      } else if (there !== undefined) {
        this.#both(
          "bulk unlink",
          () =>
            volume.run((draft) =>
              Result.flatMap(Names.placeIn(draft, folder.number, encoder.encode(there[0])), (place) =>
                Result.map(Files.unlink(draft, place, time, this.#open), () => undefined)
              )
            ),
          () => model.unlinkIn(folder, there[0], time)
        )
      }
      if (this.#random() < 0.02) this.commit()
      // What was rolled back is another tree now.
      if (!model.folders().includes(folder)) return
    }
    this.#sweep(this.#time++)
  }

  #rename(fromPath: string, toPath: string, time: bigint): FileResult<undefined> {
    const from = this.#parse(fromPath)
    if (Result.isFailure(from)) return Result.fail(from.failure)
    return this.volume.run((draft) => {
      const { names } = draft.roots
      const place = Names.place(draft, names, from.success)
      if (Result.isFailure(place)) return Result.fail(place.failure)
      const to = this.#parse(toPath)
      if (Result.isFailure(to)) return Result.fail(to.failure)
      const goal = Names.place(draft, names, to.success)
      if (Result.isFailure(goal)) return Result.fail(goal.failure)
      return Result.map(Files.rename(draft, place.success, goal.success, time, this.#open), () => undefined)
    })
  }

  #attribute(time: bigint): void {
    const { volume } = this
    // A few inodes get most of the attributes.
    const target = this.#random() < 0.3 ? "/" : this.#target()
    const there = [...(this.#peek(target)?.attributes.keys() ?? [])]
    const isThere = there.length > 0 && this.#random() < 0.7
    const name = isThere ? this.#oneOf(there) : `user.${this.#below(20)}`
    const key = encoder.encode(name)
    const chance = this.#random()
    if (chance < 0.6) {
      const value = this.#bytes().subarray(0, this.#oneOf([10, 100, volume.layout.itemBytesMax]))
      const wanted = this.#oneOf(["Either", "Either", "New", "Existing"] as const)
      return this.#both(
        "setAttribute",
        () => this.#on(target, (draft, number) => Attributes.set(draft, number, key, value, wanted, time)),
        () => {
          const node = this.#node(target)
          if (value.length > volume.layout.itemBytesMax - 7 - key.length) throw new Refusal("AttributeTooLarge")
          if (node.attributes.has(name) && wanted === "New") throw new Refusal("AlreadyExists")
          if (!node.attributes.has(name) && wanted === "Existing") throw new Refusal("NoAttribute")
          node.attributes.set(name, value)
          node.changeTime = time
        }
      )
    }
    if (chance < 0.8) {
      return this.#both(
        "removeAttribute",
        () => this.#on(target, (draft, number) => Attributes.remove(draft, number, key, time)),
        () => {
          const node = this.#node(target)
          if (!node.attributes.delete(name)) throw new Refusal("NoAttribute")
          node.changeTime = time
        }
      )
    }
    this.#both(
      "getAttribute",
      () => this.#on(target, (draft, number) => Attributes.get(draft, draft.roots.names, number, key)),
      () => {
        const value = this.#node(target).attributes.get(name)
        if (value === undefined) throw new Refusal("NoAttribute")
        return value
      }
    )
  }

  /** All names of a folder or all attributes of an inode, batch by batch. */
  #all<A>(
    batch: (pages: Pages, after: Uint8Array | undefined, countMax: number) => FileResult<ReadonlyArray<A>>,
    nameOf: (item: A) => Uint8Array
  ): FileResult<ReadonlyArray<A>> {
    const countMax = this.#oneOf([1, 2, 3, 1000])
    const all: Array<A> = []
    for (;;) {
      const after = all.length === 0 ? undefined : nameOf(all[all.length - 1])
      const found = this.volume.read((pages) => batch(pages, after, countMax))
      if (Result.isFailure(found)) return found
      all.push(...found.success)
      if (found.success.length < countMax) return Result.succeed(all)
    }
  }

  #listed(number: number): FileResult<ReadonlyArray<string>> {
    const all = this.#all<Folder.Named>(
      (pages, after, countMax) => Folder.list(pages, this.volume.names, number, after, countMax),
      ({ name }) => name
    )
    return Result.map(all, (entries) => entries.map((entry) => `${decoder.decode(entry.name)} ${entry.number}`))
  }

  #attributed(number: number): ReadonlyArray<string> {
    const all = this.#all<Uint8Array>(
      (pages, after, countMax) => Attributes.list(pages, this.volume.names, number, after, countMax),
      (name) => name
    )
    return Result.getOrThrow(all).map((name) => decoder.decode(name))
  }

  #list(): void {
    const path = this.#path()
    this.#both(
      "list",
      () => {
        const entry = this.#resolve(path, true)
        return Result.isFailure(entry) ? Result.fail(entry.failure) : this.#listed(entry.success.number)
      },
      () => {
        const node = this.model.resolve(path, true)
        if (node.type !== FOLDER) throw new Refusal("NotAFolder")
        return sorted(node.entries).map(([name, child]) => `${name} ${child.number}`)
      }
    )
  }

  #openOrClose(time: bigint): void {
    const { open } = this.model.state
    if (open.size > 0 && this.#random() < 0.5) {
      const number = this.#oneOf([...open.keys()])
      const handle = open.get(number)
      if (handle === undefined || --handle.count > 0) return
      open.delete(number)
      this.#count("close")
      if (handle.node.links === 0) {
        this.#sweep(time)
        assert.isUndefined(this.volume.read((pages) => Inodes.get(pages, this.volume.names, number)))
        this.#count("close:orphan")
      }
      return
    }
    const node = this.#peek(this.#path())
    if (node === undefined || node.type !== Inode.FILE) return
    const handle = open.get(node.number)
    if (handle === undefined) open.set(node.number, { node, count: 1 })
    else handle.count++
    this.#count("open")
  }

  // ---- transactions

  #rollback(): void {
    this.volume.rollback()
    this.#restore()
  }

  #restore(): void {
    this.#savepoints.length = 0
    this.model.state = structuredClone(this.#committed)
  }

  #transaction(): void {
    const { model, volume } = this
    const chance = this.#random()
    const last = this.#savepoints[this.#savepoints.length - 1]
    if (chance < 0.2 && this.#savepoints.length < 4) {
      this.#count("savepoint")
      this.#savepoints.push({ point: volume.draft.savepoint(), state: model.save() })
    } else if (chance < 0.5 && last !== undefined) {
      this.#savepoints.pop()
      if (this.#random() < 0.5) {
        this.#count("merge")
        volume.draft.merge(last.point)
      } else {
        this.#count("rollback to savepoint")
        volume.draft.rollback(last.point)
        model.state = last.state
        if (this.#random() < 0.5) this.compare()
      }
    } else if (chance > 0.98) {
      this.#count("rollback")
      this.#rollback()
    } else if (chance > 0.94) {
      this.#count("crash")
      this.#mergeAll()
      const { generation } = volume.head.root.record
      const inFlight = model.save()
      // The root counts if all that it names was written.
      if (volume.crash(this.#random() < 0.5) !== generation) {
        this.#count("crash:in flight")
        this.#committed = inFlight
      }
      this.#restore()
    } else this.commit()
  }

  #mergeAll(): void {
    for (let last = this.#savepoints.pop(); last !== undefined; last = this.#savepoints.pop()) {
      this.volume.draft.merge(last.point)
    }
  }

  commit(): void {
    const { model, volume } = this
    this.#mergeAll()
    const done = volume.commit()
    this.#count(`commit:${done}`)
    if (done === "Plan") {
      this.#committed = model.save()
      if (this.#random() < 0.2) {
        volume.reopen()
        this.#count("reopen")
      }
    } else this.#restore()
  }

  /** Compares all of the volume with all of the model. */
  compare(): void {
    const { model, volume } = this
    FilesCheck.check(volume)
    assert.strictEqual(volume.draft.roots.nextInode, model.state.nextNumber)
    const seen = new Set<number>()
    const walk = (node: ModelNode): void => {
      if (seen.has(node.number)) return
      seen.add(node.number)
      const inode = volume.read((pages) => Inodes.get(pages, volume.names, node.number))
      assert.isDefined(inode, `inode ${node.number}`)
      const { content: _, size, ...attributes } = inode
      assert.deepStrictEqual(attributes, {
        type: node.type,
        mode: node.mode,
        links: node.links,
        uid: node.uid,
        gid: node.gid,
        accessTime: node.accessTime,
        modifyTime: node.modifyTime,
        changeTime: node.changeTime,
        birthTime: node.birthTime
      })
      if (node.type === FOLDER) {
        const listed = Result.getOrThrow(this.#listed(node.number))
        assert.deepStrictEqual(
          listed,
          sorted(node.entries).map(([name, child]) => `${name} ${child.number}`)
        )
      } else {
        assert.strictEqual(size, node.content.length)
        const content = new Uint8Array(size)
        volume.read((pages) => Content.readInode(pages, inode, 0, content))
        assert.isTrue(Buffer.from(content).equals(node.content), `content of inode ${node.number}`)
      }
      assert.deepStrictEqual(
        this.#attributed(node.number),
        sorted(node.attributes).map(([name]) => name)
      )
      for (const [name, value] of node.attributes) {
        const got = volume.read((pages) => Attributes.get(pages, volume.names, node.number, encoder.encode(name)))
        assert.strictEqual(outcome(Result.getOrThrow(got)), outcome(value))
      }
      node.entries.forEach(walk)
    }
    walk(model.state.root)
    model.state.open.forEach(({ node }) => walk(node))
  }
}

/** In the order of UTF-8 bytes. */
const sorted = <A>(entries: Map<string, A>): ReadonlyArray<readonly [string, A]> =>
  [...entries].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))

/** What a step does; what is named twice is done twice as often. */
const STEPS = [
  "create",
  "create",
  "create",
  "create",
  "create",
  "link",
  "unlink",
  "removeFolder",
  "removeTree",
  "rename",
  "rename",
  "rename",
  "write",
  "write",
  "replace",
  "append",
  "insert",
  "remove",
  "punch",
  "truncate",
  "read",
  "readLink",
  "change",
  "attribute",
  "list",
  "open",
  "sweep",
  "transaction",
  "transaction",
  "early",
  "bulk"
] as const
