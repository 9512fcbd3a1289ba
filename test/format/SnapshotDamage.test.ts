import * as Effect from "effect/Effect"
import { assert, describe, it } from "vitest"
import type { DeadRun } from "./DeadRun.ts"
import { Fault } from "./Fault.ts"
import type { Cell } from "./Forgery.ts"
import { forge } from "./Forgery.ts"
import type { Reading } from "./Reader.ts"
import { readImage } from "./Reader.ts"
import { pattern, Scribe } from "./Scribe.ts"
import { shippedSummary } from "./ShippedSummary.ts"
import { summaryOf } from "./Summary.ts"
import type { Format } from "./TestImage.ts"
import { makeImage, openImage, runFixed } from "./TestImage.ts"

const formats: ReadonlyArray<Format> = [
  { pageSize: 4096, checksum: "xxh64", size: 524_288 },
  { pageSize: 4096, checksum: "sha256", size: 524_288 }
]

/** Two snapshots that list pages, one of them pages of a run that was cut, and a rollback. */
const makeVolume = async (format: Format): Promise<Uint8Array> => {
  const { pageSize } = format
  const { image } = await runFixed(
    makeImage(format, (volume) =>
      Effect.gen(function* () {
        const { create, rollback } = volume.snapshots
        const scribe = new Scribe(volume)
        yield* scribe.file("/run", pattern(8 * pageSize, 3))
        yield* create("before")
        yield* scribe.file("/given up", pattern(pageSize, 5))
        yield* rollback("before")
        yield* scribe.write("/run", 2 * pageSize, pattern(3 * pageSize, 7))
        yield* scribe.file("/gone", pattern(pageSize, 11))
        yield* create("older")
        yield* scribe.remove("/gone", false)
        yield* create("newer")
        yield* scribe.file("/new", pattern(pageSize, 13))
      })
    )
  )
  return image
}

const u48be = (number: number): Uint8Array => Uint8Array.from({ length: 6 }, (_, at) => number / 256 ** (5 - at))
const u48 = (number: number): Uint8Array => u48be(number).toReversed()

const deadCell = ({ snapshot, address, birth, pages }: DeadRun): Cell => ({
  key: Uint8Array.of(...u48be(snapshot), ...u48be(address)),
  value: Uint8Array.of(...u48(birth), ...u48(pages))
})

const nameCell = (name: string, generation: number): Cell => ({
  key: Uint8Array.of(1, ...new TextEncoder().encode(name)),
  value: u48(generation)
})

const rollbackCell = (generation: number, to: number): Cell => ({
  key: Uint8Array.of(2, ...u48be(generation)),
  value: u48(to)
})

const isSame = (one: Cell, two: Cell): boolean => Buffer.compare(one.key, two.key) === 0

/** What a case has at hand. */
interface Scene {
  readonly reading: Reading
  readonly generations: Readonly<Record<string, number>>
  /** The pages of the run that was cut, and another run. */
  readonly cut: DeadRun
  readonly other: DeadRun
  /** Where the fields of a snapshot stand after its pointer. */
  readonly fields: number
}

interface Case {
  readonly name: string
  readonly tree: "snapshots" | "deadlists"
  readonly change: (cells: Array<Cell>, scene: Scene) => ReadonlyArray<Cell>
  readonly complaint: RegExp
  /** The check of the file system does not look at it. */
  readonly isOursOnly?: boolean
}

const without = (cells: ReadonlyArray<Cell>, cell: Cell): ReadonlyArray<Cell> =>
  cells.filter((one) => !isSame(one, cell))

const withCell = (cells: ReadonlyArray<Cell>, cell: Cell): ReadonlyArray<Cell> => [...without(cells, cell), cell]

/** Changes the snapshot of a name. */
const edit =
  (name: string, change: (cell: Cell, scene: Scene) => void): Case["change"] =>
  (cells, scene) => {
    const key = Uint8Array.of(0, ...u48be(scene.generations[name]))
    for (const cell of cells) if (Buffer.compare(cell.key, key) === 0) change(cell, scene)
    return cells
  }

const valueOf = (cells: ReadonlyArray<Cell>, generation: number): Uint8Array =>
  cells.find((one) => isSame(one, { key: Uint8Array.of(0, ...u48be(generation)), value: one.value }))?.value ??
  new Uint8Array(0)

const cases: ReadonlyArray<Case> = [
  {
    name: "a dead run that is not listed",
    tree: "deadlists",
    change: (cells, { other }) => without(cells, deadCell(other)),
    complaint: /is dead and not listed/
  },
  {
    name: "a run that was cut and is listed as a whole",
    tree: "deadlists",
    change: (cells, { cut }) => withCell(cells, deadCell({ ...cut, pages: cut.pages + 1 })),
    complaint: /the root reaches page/
  },
  {
    name: "a run of which a page is not listed",
    tree: "deadlists",
    change: (cells, { cut }) => withCell(cells, deadCell({ ...cut, pages: cut.pages - 1 })),
    complaint: /is dead and not listed/
  },
  {
    name: "a free page that is listed",
    tree: "deadlists",
    change: (cells, { cut, reading }) =>
      withCell(cells, deadCell({ ...cut, address: reading.opened.record.pageCount - 1, pages: 1 })),
    complaint: /no snapshot reaches page/
  },
  {
    name: "a page that is listed twice",
    tree: "deadlists",
    change: (cells, { cut }) => withCell(cells, deadCell({ ...cut, address: cut.address + 1, pages: 1 })),
    complaint: /is listed twice/
  },
  {
    name: "a run past the end",
    tree: "deadlists",
    change: (cells, { cut }) => withCell(cells, deadCell({ ...cut, pages: 1_000_000 })),
    complaint: /is not in the volume/
  },
  {
    name: "a list of what is no snapshot",
    tree: "deadlists",
    change: (cells, { other }) =>
      withCell(without(cells, deadCell(other)), deadCell({ ...other, snapshot: other.snapshot + 1 })),
    complaint: /which is no snapshot/
  },
  {
    name: "a run in the list of a snapshot that is not the newest that has it",
    tree: "deadlists",
    change: (cells, { generations, other }) =>
      withCell(without(cells, deadCell(other)), deadCell({ ...other, snapshot: generations["before"] })),
    complaint: /is the newest that reaches page/
  },
  {
    name: "a run of another birth",
    tree: "deadlists",
    change: (cells, { cut }) => withCell(cells, deadCell({ ...cut, birth: cut.birth - 1 })),
    complaint: /has the birth/
  },
  {
    name: "a run of no pages",
    tree: "deadlists",
    change: (cells, { cut }) => withCell(cells, deadCell({ ...cut, pages: 0 })),
    complaint: /corrupt: an empty entry/
  },
  {
    name: "the name of another snapshot",
    tree: "snapshots",
    change: (cells, { generations }) => withCell(cells, nameCell("older", generations["newer"])),
    complaint: /is not what its name older leads to/
  },
  {
    name: "a snapshot without a name",
    tree: "snapshots",
    change: (cells, { generations }) => without(cells, nameCell("older", generations["older"])),
    complaint: /is not what its name older leads to/
  },
  {
    name: "a second name",
    tree: "snapshots",
    change: (cells, { generations }) => withCell(cells, nameCell("older 2", generations["older"])),
    complaint: /the name older 2 of generation/
  },
  {
    name: "a name with a slash",
    tree: "snapshots",
    change: (cells, { generations }) => withCell(cells, nameCell("old/er", generations["older"])),
    complaint: /corrupt: the name old\/er/
  },
  {
    name: "a snapshot that is gone, but for its pages",
    tree: "snapshots",
    change: (cells, { generations }) => cells.filter(({ value }) => value !== valueOf(cells, generations["older"])),
    complaint: /the name older of generation/
  },
  {
    name: "a names tree that is younger than its snapshot",
    tree: "snapshots",
    change: (cells, { fields, generations }) => {
      valueOf(cells, generations["before"]).set(valueOf(cells, generations["newer"]).subarray(1, fields), 1)
      return cells
    },
    complaint: /has a names tree that is younger/
  },
  {
    name: "the names tree of another snapshot",
    tree: "snapshots",
    change: (cells, scene) => {
      const { generations } = scene
      valueOf(cells, generations["newer"]).set(valueOf(cells, generations["older"]).subarray(1, scene.fields), 1)
      return cells
    },
    complaint: /no snapshot reaches page|is the newest that reaches page|which snapshot \d+ lacks|and snapshot/
  },
  {
    name: "the id of another snapshot",
    tree: "snapshots",
    change: (cells, { fields, generations }) => {
      const id = valueOf(cells, generations["older"]).subarray(fields, fields + 16)
      valueOf(cells, generations["newer"]).set(id, fields)
      return cells
    },
    complaint: /has the id of another/,
    isOursOnly: true
  },
  {
    name: "a wrong count of inodes",
    tree: "snapshots",
    change: edit("older", ({ value }, { fields }) => value.set(u48(77), fields + 30)),
    complaint: /snapshot \d+: \d+ inodes, and an inode count of 77/,
    isOursOnly: true
  },
  {
    name: "a next inode that exists",
    tree: "snapshots",
    change: edit("before", ({ value }, { fields }) => value.set(u48(2), fields + 24)),
    complaint: /snapshot \d+: inode 2, and 2 is to be the next/,
    isOursOnly: true
  },
  {
    name: "a next inode above that of a newer snapshot",
    tree: "snapshots",
    change: edit("before", ({ value }, { fields }) => value.set(u48(1000), fields + 24)),
    complaint: /the next inode went back/,
    isOursOnly: true
  },
  {
    name: "an unknown version",
    tree: "snapshots",
    change: edit("older", ({ value }) => {
      value[0] = 2
    }),
    complaint: /corrupt: a snapshot of version 2/
  },
  {
    name: "an empty names tree with levels",
    tree: "snapshots",
    change: edit("older", ({ value }, { fields }) => {
      value.fill(0, 2, fields)
      value[1] = 1
    }),
    complaint: /corrupt: an empty names tree of level 1/
  },
  {
    name: "an empty names tree",
    tree: "snapshots",
    change: edit("older", ({ value }, { fields }) => value.fill(0, 1, fields)),
    complaint: /snapshot \d+: inode 1 is not a folder/
  },
  {
    name: "an unknown item",
    tree: "snapshots",
    change: (cells) => withCell(cells, { key: Uint8Array.of(3), value: new Uint8Array(6) }),
    complaint: /corrupt: an item of tag 3/
  },
  {
    name: "a rollback to the future",
    tree: "snapshots",
    change: (cells, { reading }) => {
      const [{ generation }] = reading.rollbacks
      return withCell(cells, rollbackCell(generation, generation))
    },
    complaint: /is not of the past/
  },
  {
    name: "a rollback that gave up a snapshot",
    tree: "snapshots",
    change: (cells, { generations, reading }) =>
      withCell(cells, rollbackCell(reading.opened.record.generation, generations["before"])),
    complaint: /was given up by a rollback/,
    isOursOnly: true
  },
  {
    name: "a rollback to what was given up",
    tree: "snapshots",
    change: (cells, { generations, reading }) => {
      const { generation } = reading.opened.record
      const old = rollbackCell(generations["newer"], generations["older"] - 1)
      return withCell(withCell(cells, old), rollbackCell(generation, generations["newer"] - 1))
    },
    complaint: /which was given up in/,
    isOursOnly: true
  }
]

/** Complaints, or why the volume cannot be read. */
const ours = (image: Uint8Array): ReadonlyArray<string> => {
  try {
    return readImage(image).complaints
  } catch (fault) {
    if (fault instanceof Fault) return [fault.message]
    throw fault
  }
}

const theirs = (image: Uint8Array): Promise<number> =>
  runFixed(
    Effect.map(
      openImage(image, (volume) => volume.check({ deep: true })),
      ({ problemCount }) => problemCount
    )
  )

describe.each(formats)("damaged snapshots with $checksum", (format) => {
  const scene = makeVolume(format).then((image): Scene => {
    const reading = readImage(image)
    const generations = Object.fromEntries(
      reading.snapshots.map(({ snapshot: { generation, name } }) => [name, generation])
    )
    const cut = reading.dead.find(({ pages }) => pages === 3)
    const other = reading.dead.find(({ snapshot }) => snapshot !== generations["before"])
    if (cut === undefined || other === undefined) throw new Error("no dead runs as they are needed")
    return { reading, generations, cut, other, fields: 2 + reading.opened.superblock.pointerBytes }
  })

  it("are sound without damage", async () => {
    const { cut, generations, reading } = await scene
    assert.deepStrictEqual(reading.complaints, [])
    assert.strictEqual(cut.snapshot, generations["before"])
    const again = forge(reading.opened, "snapshots", (cells) => cells)
    assert.deepStrictEqual(ours(again), [])
    assert.deepStrictEqual(ours(forge(reading.opened, "deadlists", (cells) => cells)), [])
    assert.strictEqual(await theirs(again), 0)
  })

  it("are sound however the pages of a list are divided", async () => {
    const { cut, reading } = await scene
    const image = forge(reading.opened, "deadlists", (cells) => [
      ...without(cells, deadCell(cut)),
      deadCell({ ...cut, pages: 1 }),
      deadCell({ ...cut, address: cut.address + 1, pages: 2 })
    ])
    assert.deepStrictEqual(ours(image), [])
    assert.strictEqual(await theirs(image), 0)
  })

  it("are as before if a page of the commit that takes one is missing", async () => {
    const { pageSize } = format
    const { value } = await runFixed(
      makeImage(format, (volume, image) =>
        Effect.gen(function* () {
          const scribe = new Scribe(volume)
          yield* scribe.file("/file", pattern(3 * pageSize, 3))
          yield* volume.snapshots.create("older")
          yield* scribe.write("/file", pageSize, pattern(pageSize, 5))
          const before = { image: yield* image, summary: yield* shippedSummary(volume) }
          const take = volume.snapshots.create("newer")
          yield* volume.transaction(Effect.andThen(take, scribe.write("/file", 0, pattern(pageSize, 7))))
          return { before, after: yield* image }
        })
      )
    )
    const { after, before } = value
    assert.deepStrictEqual(readImage(after).complaints, [])
    let missing = 0
    for (let start = 0; start < after.length; start += pageSize) {
      const old = before.image.subarray(start, start + pageSize)
      if (Buffer.compare(old, after.subarray(start, start + pageSize)) === 0) continue
      missing += 1
      const torn = after.slice()
      torn.set(old, start)
      const reading = readImage(torn)
      assert.deepStrictEqual(reading.complaints, [])
      assert.deepStrictEqual(summaryOf(reading), before.summary)
      assert.deepStrictEqual(await runFixed(openImage(torn, shippedSummary)), before.summary)
    }
    // Content, rope branch, names, snapshots, deadlists, and the root.
    assert.strictEqual(missing, 6)
  })

  for (const { change, complaint, isOursOnly, name, tree } of cases) {
    it(`are found: ${name}`, async () => {
      const at = await scene
      const image = forge(at.reading.opened, tree, (cells) => change(cells, at))
      assert.isTrue(
        ours(image).some((one) => complaint.test(one)),
        ours(image).join("; ")
      )
      if (isOursOnly !== true) assert.isAbove(await theirs(image), 0)
    })
  }
})
