/** How the golden images are made. A recipe must not change once its image is released. */
import * as Effect from "effect/Effect"
import type { Volume } from "../../src/shell/Volume.ts"
import type { VolumeError } from "../../src/shell/VolumeError.ts"
import { Operations } from "./Operations.ts"
import { pattern, Scribe } from "./Scribe.ts"
import type { Format } from "./TestImage.ts"
import { makeImage, runFixed } from "./TestImage.ts"

export interface Recipe {
  readonly name: string
  readonly format: Format
  /** Closed in good order, cut off after its last commit, or cut off with a page of that commit missing. */
  readonly end: "closed" | "cut" | "torn"
  readonly write: (volume: Volume["Service"]) => Effect.Effect<void, VolumeError>
}

/** Every kind of item and content: what the names of the files say. */
const everything = (volume: Volume["Service"]): Effect.Effect<void, VolumeError> =>
  Effect.gen(function* () {
    const { pageBytes } = volume.facts.layout
    const scribe = new Scribe(volume)
    yield* scribe.folder("/folder")
    yield* scribe.folder("/folder/empty")
    yield* scribe.folder("/folder/full")
    yield* scribe.file("/empty", new Uint8Array(0))
    yield* scribe.file("/inline", pattern(50, 3))
    yield* scribe.file("/page", pattern(pageBytes, 5))
    yield* scribe.file("/run", pattern(3 * pageBytes + 1, 7))
    yield* scribe.symbolicLink("/symbolic", "folder/full/../../inline")
    yield* scribe.symbolicLink("/symbolic long", "folder/".repeat(300))
    yield* scribe.link("/page", "/folder/page again")
    yield* scribe.link("/page", "/folder/full/page once more")
    yield* scribe.rename("/folder/page again", "/folder/full/ünï¢ødé")
    yield* scribe.file("/hole", pattern(10, 9))
    yield* scribe.write("/hole", 20 * pageBytes + 3, pattern(pageBytes, 11))
    yield* scribe.file("/all hole", new Uint8Array(0))
    yield* scribe.truncate("/all hole", 1_099_511_627_776)
    yield* scribe.file("/punched", pattern(12 * pageBytes, 13))
    yield* scribe.punch("/punched", 3 * pageBytes - 5, 4 * pageBytes)
    yield* scribe.file("/inserted", pattern(5 * pageBytes, 17))
    yield* scribe.insert("/inserted", pageBytes + 1, pattern(100, 19))
    yield* scribe.file("/rope", pattern(2 * pageBytes, 23))
    for (let offset = 4; offset < 90; offset += 2) {
      yield* scribe.write("/rope", offset * pageBytes, pattern(offset, 29))
    }
    yield* scribe.attribute("/folder", "user.empty", new Uint8Array(0))
    yield* scribe.attribute("/inline", "user.a/b", pattern(10, 31))
    yield* scribe.attribute("/inline", "user.long", pattern(pageBytes / 2, 37))
    yield* scribe.change("/page", {
      mode: 0o7421,
      uid: 4_294_967_295,
      gid: 65_534,
      accessTime: -1n,
      modifyTime: -9_223_372_036_854_775_808n
    })
    for (let number = 0; number < 40; number += 1) {
      yield* scribe.file(`/folder/full/${"name".repeat(10)} ${number}`, pattern(number, 41))
    }
    for (let number = 0; number < 40; number += 3) {
      yield* scribe.remove(`/folder/full/${"name".repeat(10)} ${number}`, false)
    }
    yield* scribe.file("/open", pattern(2 * pageBytes, 43))
    yield* scribe.remove("/open", true)
    yield* scribe.folder("/gone")
    yield* scribe.file("/gone/inside", pattern(10, 47))
    yield* scribe.link("/gone/inside", "/saved")
    yield* scribe.removeTree("/gone")
  })

/** So many single pages come and go that the free map is written, and changed again afterwards. */
const fragments = (volume: Volume["Service"]): Effect.Effect<void, VolumeError> =>
  Effect.gen(function* () {
    const scribe = new Scribe(volume)
    const content = pattern(volume.facts.layout.pageBytes, 59)
    for (let number = 0; number < 150; number += 1) yield* scribe.file(`/${number}`, content)
    for (let number = 0; number < 150; number += 2) yield* scribe.remove(`/${number}`, false)
    for (let number = 1; number < 150; number += 10) yield* scribe.remove(`/${number}`, false)
  })

/** Snapshots of changing files: one is removed, one is gone back to, and others are taken and removed after that. */
const snapshots = (volume: Volume["Service"]): Effect.Effect<void, VolumeError> =>
  Effect.gen(function* () {
    const { create, remove, rollback } = volume.snapshots
    const { pageBytes } = volume.facts.layout
    const scribe = new Scribe(volume)
    yield* scribe.folder("/folder")
    yield* scribe.file("/folder/inline", pattern(30, 3))
    yield* scribe.file("/run", pattern(9 * pageBytes + 1, 5))
    yield* scribe.file("/gone", pattern(3 * pageBytes, 7))
    yield* scribe.file("/open", pattern(2 * pageBytes, 11))
    yield* scribe.remove("/open", true)
    yield* create("first")
    yield* scribe.write("/run", 3 * pageBytes + 5, pattern(2 * pageBytes, 13))
    yield* scribe.remove("/gone", false)
    yield* create("to be removed")
    yield* scribe.write("/run", 7 * pageBytes, pattern(pageBytes, 17))
    yield* scribe.file("/second", pattern(4 * pageBytes, 19))
    yield* volume.transaction(
      Effect.andThen(create("ünï¢ødé"), scribe.attribute("/folder", "user.later", pattern(5, 23)))
    )
    yield* scribe.write("/second", pageBytes, pattern(pageBytes, 29))
    yield* remove("to be removed")
    yield* scribe.rename("/second", "/folder/renamed")
    yield* create("given up")
    yield* scribe.file("/given up", pattern(pageBytes, 31))
    yield* rollback("ünï¢ødé", { discardNewer: true })
    yield* scribe.truncate("/second", 2 * pageBytes)
    yield* create("after")
    yield* scribe.file("/new", pattern(2 * pageBytes, 37))
    yield* scribe.remove("/folder/inline", false)
  })

/** Tables beside files: values in entries and in ropes, tables of many entries, tables in snapshots, a dropped one. */
const tables = (volume: Volume["Service"]): Effect.Effect<void, VolumeError> =>
  Effect.gen(function* () {
    const { layout } = volume.facts
    const { pageBytes } = layout
    const longest = layout.keyBytesMax - 7
    const key = (text: string) => new TextEncoder().encode(text)
    const scribe = new Scribe(volume)
    yield* scribe.file("/beside", pattern(2 * pageBytes + 1, 3))
    yield* scribe.table("empty")
    yield* scribe.set("ünï¢ødé", key(""), key("the empty key"))
    yield* scribe.set("ünï¢ødé", key("empty value"), new Uint8Array(0))
    yield* scribe.set("ünï¢ødé", pattern(longest, 5), key("the longest key"))
    yield* scribe.set("ünï¢ødé", pattern(longest, 7), pattern(100, 11))
    yield* scribe.set("values", key("page"), pattern(pageBytes, 13))
    yield* scribe.set("values", key("run"), pattern(3 * pageBytes + 1, 17))
    yield* scribe.set("values", key("rope"), pattern(70_001, 19))
    yield* scribe.set("values", key("gone"), pattern(pageBytes + 5, 23))
    for (let number = 0; number < 60; number += 1) {
      yield* scribe.set("many", Uint8Array.of(number % 7, number, 255), pattern(number, 29))
    }
    yield* volume.snapshots.create("before")
    yield* scribe.folder("/folder")
    yield* scribe.set("values", key("page"), key("short now"))
    yield* scribe.set("values", key("late"), pattern(2 * pageBytes, 31))
    yield* scribe.unset("values", key("gone"))
    for (let number = 0; number < 60; number += 2) {
      yield* scribe.unset("many", Uint8Array.of(number % 7, number, 255))
    }
    yield* scribe.set("dropped", key("run"), pattern(2 * pageBytes, 37))
    yield* scribe.unset("dropped", undefined)
    yield* scribe.set("\0own", key("key"), key("value"))
  })

const random =
  (seed: number, count: number) =>
  (volume: Volume["Service"]): Effect.Effect<void, VolumeError> =>
    Effect.gen(function* () {
      const operations = new Operations(seed, volume.facts.layout.pageBytes)
      for (let done = 0; done < count; done += 1) {
        const write = Effect.suspend(() => volume.write(operations.next()))
        yield* Effect.catchReason(write, "VolumeError", "DiskFull", () => Effect.void)
      }
    })

const kibibyte = 1024

export const recipes: ReadonlyArray<Recipe> = [
  {
    name: "new-4096-xxh64",
    format: { pageSize: 4096, checksum: "xxh64", size: 64 * kibibyte },
    end: "closed",
    write: () => Effect.void
  },
  {
    name: "everything-4096-xxh64",
    format: { pageSize: 4096, checksum: "xxh64", size: 1024 * kibibyte },
    end: "closed",
    write: everything
  },
  {
    name: "everything-512-sha256",
    format: { pageSize: 512, checksum: "sha256", size: 256 * kibibyte },
    end: "cut",
    write: everything
  },
  {
    name: "everything-512-xxh64",
    format: { pageSize: 512, checksum: "xxh64", size: 256 * kibibyte },
    end: "torn",
    write: everything
  },
  {
    name: "fragments-512-xxh64",
    format: { pageSize: 512, checksum: "xxh64", size: 2560 * kibibyte },
    end: "closed",
    write: fragments
  },
  {
    name: "fragments-512-sha256",
    format: { pageSize: 512, checksum: "sha256", size: 512 * kibibyte },
    end: "torn",
    write: fragments
  },
  {
    name: "random-512-sha256",
    format: { pageSize: 512, checksum: "sha256", size: 128 * kibibyte },
    end: "closed",
    write: random(11, 250)
  },
  {
    name: "random-4096-sha256",
    format: { pageSize: 4096, checksum: "sha256", size: 256 * kibibyte },
    end: "cut",
    write: random(13, 100)
  },
  {
    name: "snapshots-512-xxh64",
    format: { pageSize: 512, checksum: "xxh64", size: 128 * kibibyte },
    end: "closed",
    write: snapshots
  },
  {
    name: "snapshots-512-sha256",
    format: { pageSize: 512, checksum: "sha256", size: 128 * kibibyte },
    end: "torn",
    write: snapshots
  },
  {
    name: "tables-512-xxh64",
    format: { pageSize: 512, checksum: "xxh64", size: 256 * kibibyte },
    end: "closed",
    write: tables
  },
  {
    name: "tables-4096-sha256",
    format: { pageSize: 4096, checksum: "sha256", size: 1024 * kibibyte },
    end: "torn",
    write: tables
  }
]

/** Brings back what one page of the last commit was before it; not its root record, which is in the first pages. */
const tear = (before: Uint8Array, after: Uint8Array, pageSize: number, firstPage: number): Uint8Array => {
  for (let page = firstPage; page < after.length / pageSize; page += 1) {
    const old = before.subarray(page * pageSize, (page + 1) * pageSize)
    if (Buffer.compare(old, after.subarray(page * pageSize, (page + 1) * pageSize)) === 0) continue
    const torn = after.slice()
    torn.set(old, page * pageSize)
    return torn
  }
  throw new Error("the last commit wrote nothing")
}

/** Makes the image of a recipe. */
export const makeGolden = ({ end, format, write }: Recipe): Promise<Uint8Array> =>
  runFixed(
    Effect.gen(function* () {
      const { image, value } = yield* makeImage(format, (volume, current) =>
        Effect.gen(function* () {
          yield* write(volume)
          const before = yield* current
          if (end !== "torn") return before
          yield* new Scribe(volume).file("/last", pattern(2 * format.pageSize, 53))
          return tear(before, yield* current, format.pageSize, 1 + volume.facts.rootSlots / 2)
        })
      )
      return end === "closed" ? image : value
    })
  )
