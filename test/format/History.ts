/** What the snapshots tree says of the past of a volume, and whether it makes sense (section 16). */
import type { Account } from "./Account.ts"
import type { RootRecord } from "./RootRecord.ts"
import { hex, sameBytes } from "./Scan.ts"
import type { Rollback, Snapshot, SnapshotItem } from "./SnapshotItem.ts"

/** The items of a snapshots tree. */
export class History {
  /** Oldest first, as they stand in the tree. */
  readonly snapshots: Array<Snapshot> = []
  readonly rollbacks: Array<Rollback> = []
  readonly #names = new Map<string, number>()

  add(item: SnapshotItem): void {
    if (item.is === "snapshot") this.snapshots.push(item.snapshot)
    else if (item.is === "rollback") this.rollbacks.push(item.rollback)
    else this.#names.set(item.name, item.generation)
  }

  complaints(record: RootRecord): ReadonlyArray<string> {
    const complaints: Array<string> = []
    const expect = (holds: boolean, complaint: string): void => {
      if (!holds) complaints.push(complaint)
    }
    const generations = new Map(this.snapshots.map((snapshot) => [snapshot.generation, snapshot]))
    for (const [name, generation] of this.#names) {
      expect(generations.get(generation)?.name === name, `the name ${name} of generation ${generation}`)
    }
    const ids = new Set<string>()
    let nextInode = 0
    for (const snapshot of this.snapshots) {
      const { generation, id, name, names } = snapshot
      const place = `snapshot ${generation}`
      expect(this.#names.get(name) === generation, `${place} is not what its name ${name} leads to`)
      expect(generation >= 1 && generation <= record.generation, `${place} is younger than the root`)
      expect((names?.pointer.birth ?? 0) <= generation, `${place} has a names tree that is younger`)
      expect(!ids.has(hex(id)), `${place} has the id of another`)
      expect(!this.isGivenUp(generation), `${place} was given up by a rollback`)
      expect(snapshot.nextInode >= nextInode, `${place}: the next inode went back`)
      if (generation === record.generation) expect(sameRoot(snapshot, record), `${place} is not the state of its root`)
      ids.add(hex(id))
      nextInode = snapshot.nextInode
    }
    expect(nextInode <= record.nextInode, "the next inode went back after the newest snapshot")
    for (const { generation, to } of this.rollbacks) {
      const place = `the rollback of ${generation} to ${to}`
      expect(to >= 1 && to < generation && generation <= record.generation, `${place} is not of the past`)
      for (const other of this.rollbacks) {
        // What a rollback went back to was not given up before.
        const isGone = other.to < to && to < other.generation && other.generation < generation
        expect(!isGone, `${place}, which was given up in ${other.generation}`)
      }
    }
    return complaints
  }

  /** Whether a rollback went back past a generation. */
  isGivenUp(generation: number): boolean {
    return this.rollbacks.some((rollback) => rollback.to < generation && generation < rollback.generation)
  }

  /** Births of names and contents that a rollback gave up. */
  birthComplaints(state: string, account: Account): ReadonlyArray<string> {
    return [...account.uses]
      .filter(([, { tree, birth }]) => tree === "names" && this.isGivenUp(birth))
      .map(([page, { birth }]) => `${state}: page ${page} was born in ${birth}, which was given up`)
  }
}

/** A snapshot that the newest commit took is of what it committed. */
const sameRoot = (snapshot: Snapshot, record: RootRecord): boolean => {
  const { names } = snapshot
  if (names === undefined || record.names === undefined) return names === record.names
  return (
    names.level === record.names.level &&
    names.pointer.address === record.names.pointer.address &&
    names.pointer.birth === record.names.pointer.birth &&
    sameBytes(names.pointer.checksum, record.names.pointer.checksum) &&
    snapshot.nextInode === record.nextInode &&
    snapshot.inodeCount === record.inodeCount
  )
}
