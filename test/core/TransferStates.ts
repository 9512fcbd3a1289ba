/**
 * States that are sent and received: two of a volume, the records between them, and what applying records comes to.
 */
import { assert } from "vitest"
import { CleanPages } from "../../src/core/Pages.ts"
import * as Receiving from "../../src/core/Receiving.ts"
import * as Sending from "../../src/core/Sending.ts"
import type { Snapshot } from "../../src/core/Snapshots.ts"
import * as Tables from "../../src/core/Tables.ts"
import type * as Transfer from "../../src/core/Transfer.ts"
import { Random } from "../../src/testing/Random.ts"
import { TestFiles } from "./TestFiles.ts"

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
export const noise = (size: number, seed: number): Uint8Array => new Random(seed).bytes(size)

export const first = (pageBytes: number): TestFiles => {
  const files = new TestFiles({ pageBytes, pageCount: 4096 })
  files.folder("/folder")
  files.file("/folder/short", utf8("short"))
  files.file("/long", noise(30_000, 1))
  files.file("/gone", noise(5000, 2))
  files.symbolicLink("/link", "/folder/short")
  files.volume.run((draft) => Tables.put(draft, utf8("table"), utf8("k"), utf8("value")))
  files.volume.run((draft) => Tables.put(draft, utf8("table"), utf8("long"), noise(4000, 3)))
  files.volume.commit()
  return files
}

export const second = (files: TestFiles): void => {
  files.unlink("/gone")
  files.file("/new", noise(9000, 4))
  files.file("/folder/more", utf8("more"))
  files.rename("/folder/short", "/shorter")
  files.volume.run((draft) => Tables.put(draft, utf8("table"), utf8("long"), noise(3000, 5)))
  files.volume.run((draft) => Tables.put(draft, utf8("other"), utf8(""), noise(80, 6)))
  files.volume.commit()
}

export const snapshotOf = ({ volume }: TestFiles): Snapshot => {
  const { generation, roots } = volume.head.root.record
  const { inodeCount, names, nextInode } = roots
  return { generation, id: noise(16, generation), name: utf8("s"), time: BigInt(0), nextInode, inodeCount, names }
}

/** What leads from one state to another, without the header. */
export const recordsOf = (
  files: TestFiles,
  from: Snapshot | undefined,
  to: Snapshot
): ReadonlyArray<Transfer.Record> => {
  const { volume } = files
  const pages = new CleanPages(volume.layout, volume.source)
  const read = <A>(f: (clean: CleanPages) => A): A => volume.read(() => f(pages), pages)
  let { records, state } = read((clean) => Sending.begin(clean, noise(16, 0), from, to))
  while (!state.isDone) {
    const before = state
    const step = read((clean) => Sending.step(clean, before))
    records = [...records, ...step.records]
    state = step.state
  }
  return records.slice(1)
}

/** Applies records in the draft of a volume; answers why they were refused, if they were. */
export const apply = ({ volume }: TestFiles, records: ReadonlyArray<Transfer.Record>): string | undefined => {
  let state = Receiving.BEGIN
  for (const record of records) {
    for (let isDone = false, steps = 0; !isDone; steps++) {
      assert.isBelow(steps, 1000, "a record is done at some time")
      const before = state
      const applied = volume.run((draft) => Receiving.apply(draft, before, record))
      if (applied._tag === "Refused") return applied.reason
      ;({ isDone, state } = applied)
    }
  }
  return undefined
}
