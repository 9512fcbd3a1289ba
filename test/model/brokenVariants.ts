/** Each rule of the protocol broken on its own, and where another rule covers it, broken together with that one. */
import type { Overrides } from "./Settings.ts"
import { caught, harmless, type Variant } from "./Variant.ts"

const oneFailedSync: Overrides = { faults: { failedSyncs: 1, eviction: true } }

const deviceVariants: ReadonlyArray<Variant> = [
  {
    name: "device: rewriting identical bytes may tear",
    overrides: { faults: { identicalRewriteIsSafe: false } },
    expect: caught("AcknowledgedLost", "Unopenable")
  }
]

const commitVariants: ReadonlyArray<Variant> = [
  {
    name: "broken: pages freed by a transaction are reused inside it",
    overrides: { rules: { pageReuse: "sameTransaction" } },
    expect: caught("Overwrite", "Unopenable")
  },
  {
    name: "broken: the next group allocates what the commit in flight frees",
    overrides: {
      rules: { pageReuse: "freeInPredecessor", retention: 0 },
      workload: { group: true, transactions: 2, stepwisePuts: 1 }
    },
    expect: caught("Overwrite", "Unopenable")
  },
  {
    name: "broken: only the predecessor's free map is asked, without early writes",
    overrides: { rules: { pageReuse: "freeInPredecessor", retention: 0 } },
    expect: harmless("the base is synced before the next commit allocates")
  },
  {
    name: "broken: nothing retained but the published root",
    overrides: { rules: { retention: 0 } },
    expect: harmless("one commit in flight: the only root that a crash falls back to is the published one")
  },
  {
    name: "broken: nothing retained, one damaged root slot",
    overrides: { rules: { retention: 0 }, faults: { damagedSlots: 1 } },
    expect: caught("Unopenable")
  },
  {
    name: "broken: two slots",
    overrides: { workload: { slotCount: 2 } },
    expect: caught("Overwrite")
  },
  {
    name: "broken: slot = generation mod K, two slots",
    overrides: { rules: { slotChoice: "modulo" }, workload: { slotCount: 2 } },
    expect: caught("Overwrite", "Unopenable")
  },
  {
    name: "broken: slot = generation mod K, three slots",
    overrides: {
      rules: { slotChoice: "modulo" },
      faults: { crashes: 3 },
      workload: { transactions: 4, slotCount: 3 }
    },
    expect: caught("Overwrite", "Unopenable")
  },
  {
    name: "broken: slot = generation mod K, four slots",
    overrides: { rules: { slotChoice: "modulo" }, faults: { crashes: 3 }, workload: { transactions: 4 } },
    expect: caught("Overwrite")
  },
  {
    name: "broken: the next root goes into the oldest slot",
    overrides: { rules: { slotChoice: "oldest" } },
    expect: harmless("no slot of a retained root is taken either")
  },
  {
    name: "broken: the next root goes into the oldest slot, a slot cannot be read",
    overrides: { rules: { slotChoice: "oldest" }, faults: { unreadable: 1 } },
    expect: caught("AcknowledgedLost")
  },
  {
    name: "broken: base fixed when the first transaction of the group begins",
    overrides: { rules: { base: "atBegin" }, workload: { group: true } },
    expect: caught("AcknowledgedLost")
  },
  {
    name: "broken: base fixed at begin, two barriers",
    overrides: { rules: { base: "atBegin", barriers: 2 }, workload: { group: true } },
    expect: harmless(
      "no root is rejected, so nobody falls back; only what stands recorded as base is not whole",
      "Overwrite"
    )
  },
  {
    name: "broken: two commits in flight share one sync",
    overrides: { rules: { commitsInFlight: 2 } },
    expect: caught("Unopenable")
  },
  {
    name: "broken: a page that died early is reused in the same commit, under a savepoint",
    overrides: {
      rules: { earlyReuse: "sameCommit" },
      workload: { transactions: 1, stepwisePuts: 2, savepoints: true, pageCount: 8 }
    },
    expect: caught("ReusedBeforeSync", "WrongBytes")
  },
  {
    name: "broken: a page that died early is reused in the same commit",
    overrides: {
      rules: { earlyReuse: "sameCommit" },
      workload: { transactions: 2, stepwisePuts: 2, pageCount: 8 },
      faults: { crashes: 1 }
    },
    expect: harmless("every page born after the base is verified", "ReusedBeforeSync")
  },
  {
    name: "broken: an early page is born in the generation that is in flight",
    overrides: {
      rules: { earlyBirth: "inFlightGeneration" },
      workload: { group: true, transactions: 2, stepwisePuts: 1, pageCount: 8 }
    },
    expect: caught("WrongBytes")
  },
  {
    name: "broken: a fold rewrites its map page in place",
    overrides: { rules: { foldHome: "inPlace" }, workload: { folds: true, pageCount: 9 } },
    expect: caught("Overwrite", "WrongBytes")
  },
  {
    name: "broken: a fold forgets to record the new home of its map page",
    overrides: { rules: { foldHome: "newForgotten" }, workload: { folds: true, pageCount: 9 } },
    expect: caught("Partition", "Overwrite", "WrongBytes")
  },
  {
    name: "broken: a fold never frees the old home of its map page",
    overrides: { rules: { foldHome: "oldLeaked" }, workload: { folds: true, pageCount: 9 } },
    expect: harmless("a leak only: the space is lost, no state is", "Partition")
  }
]

const snapshotWork = { transactions: 2, snapshots: 1, rollbacks: 1, pageCount: 8 }

const snapshotVariants: ReadonlyArray<Variant> = [
  {
    name: "broken: a snapshot in the middle of a group shares its birth with later writes",
    overrides: {
      rules: { snapshot: "sharesBirth" },
      workload: { ...snapshotWork, group: true },
      faults: { crashes: 0 }
    },
    expect: caught("DifferenceWrong", "Partition")
  },
  {
    name: "broken: a snapshot in the middle of a group bears the base's generation",
    overrides: {
      rules: { snapshot: "namesBase" },
      workload: { ...snapshotWork, group: true, transactions: 3 },
      faults: { crashes: 0 }
    },
    expect: caught("Partition", "Overwrite", "SnapshotDamaged")
  },
  {
    name: "broken: pages that a snapshot sees are freed",
    overrides: {
      rules: { snapshotPages: "freed" },
      workload: { ...snapshotWork, transactions: 3 },
      faults: { crashes: 0 }
    },
    expect: caught("SnapshotDamaged")
  },
  {
    name: "broken: a deleted snapshot frees what an older one still sees",
    overrides: {
      rules: { deletedSnapshot: "allFreed" },
      workload: { transactions: 3, snapshots: 2, snapshotDeletions: 1, pageCount: 10 },
      faults: { crashes: 0 }
    },
    expect: caught("SnapshotDamaged")
  },
  {
    name: "broken: a rollback starts its generations again",
    overrides: { rules: { rollbackGeneration: "restarts" }, workload: snapshotWork },
    expect: caught("GenerationReused", "AcknowledgedLost")
  },
  {
    name: "broken: a rollback leaves the snapshot's deadlist as it was",
    overrides: {
      rules: { rollbackDeadlist: "kept" },
      workload: { ...snapshotWork, transactions: 5, snapshotDeletions: 1, pageCount: 6 },
      faults: { crashes: 0 }
    },
    expect: caught("Partition", "WrongBytes")
  }
]

const recoveryVariants: ReadonlyArray<Variant> = [
  {
    name: "broken: the newest root is trusted unverified",
    overrides: { rules: { verification: "none" } },
    expect: caught("WrongBytes")
  },
  {
    name: "broken: bookkeeping pages are not verified",
    overrides: { rules: { verification: "withoutBookkeeping" }, workload: { folds: true, pageCount: 9 } },
    expect: caught("WrongBytes")
  },
  {
    name: "broken: the base is taken unverified, failed syncs",
    overrides: { rules: { fallback: "baseUnverified" }, ...oneFailedSync },
    expect: harmless("a base is durable before any root names it, and the ring overwrites the root that was rejected")
  },
  {
    name: "broken: any older root is taken unverified, and the next one goes into the oldest slot",
    overrides: { rules: { fallback: "anyOlderUnverified", slotChoice: "oldest" } },
    expect: caught("FellBackTooFar", "Resurrected")
  },
  {
    name: "broken: falls back further than the base",
    overrides: { rules: { fallback: "anyOlder" }, ...oneFailedSync },
    expect: harmless("without damage the base is always whole, so nobody looks further")
  },
  {
    name: "broken: falls back further than the base, one damaged root slot",
    overrides: { rules: { fallback: "anyOlder" }, faults: { damagedSlots: 1 } },
    expect: caught("FellBackTooFar")
  },
  {
    name: "broken: generation taken above the accepted root, not the highest seen",
    overrides: { rules: { nextGeneration: "aboveAccepted" } },
    expect: harmless("the ring puts the second root over the first, and checksums cover the bytes", "GenerationReused")
  },
  {
    name: "broken: generation used twice, and the next root goes into the oldest slot",
    overrides: { rules: { nextGeneration: "aboveAccepted", slotChoice: "oldest" } },
    expect: caught("GenerationReused", "AcknowledgedLost")
  },
  {
    name: "broken: checksum of the bytes alone",
    overrides: { rules: { checksum: "content" }, workload: { values: "repeating" } },
    expect: caught("Resurrected")
  },
  {
    name: "broken: open does nothing before it returns",
    overrides: { rules: { reopening: "nothing" } },
    expect: caught("OpenedTakenBack", "Unopenable")
  },
  {
    name: "broken: open returns before step 5, which waits for the first commit",
    overrides: { rules: { reopening: "deferred" } },
    expect: caught("OpenedTakenBack")
  },
  {
    name: "broken: step 5 is a sync alone",
    overrides: { rules: { reopening: "syncAlone" } },
    expect: harmless("without a failed sync, whatever the cache shows is written by the next sync")
  },
  {
    name: "broken: a failed sync is healed by a sync alone",
    overrides: { rules: { reopening: "syncAlone" }, faults: { failedSyncs: 1 } },
    expect: caught("OpenedTakenBack", "Unopenable")
  },
  {
    name: "broken: a failed sync is healed by a sync alone, two barriers",
    overrides: { rules: { reopening: "syncAlone", barriers: 2 }, faults: { failedSyncs: 1 } },
    expect: caught("OpenedTakenBack")
  },
  {
    name: "broken: step 5 commits the root again, without its pages",
    overrides: { rules: { reopening: "recommitRoot" }, faults: { failedSyncs: 1 } },
    expect: caught("OpenedTakenBack")
  },
  {
    name: "broken: step 5 copies the new pages elsewhere",
    overrides: { rules: { reopening: "copyPages" }, faults: { failedSyncs: 1 } },
    expect: caught("OpenedTakenBack")
  },
  {
    name: "broken: a clean root is taken from the page cache as it is",
    overrides: { rules: { cleanRoot: "trustedAsItIs" }, workload: { closes: 1 } },
    expect: caught("Unopenable")
  },
  {
    name: "broken: a slot or page that cannot be read is taken for an invalid one",
    overrides: { rules: { unreadable: "takenAsInvalid" }, faults: { unreadable: 1 } },
    expect: caught("AcknowledgedLost", "OpenedTakenBack")
  },
  {
    name: "broken: only the slot right behind the newest readable root stops an open that cannot read it",
    overrides: { rules: { unreadable: "stopBehindNewest" }, faults: { unreadable: 1 } },
    expect: harmless("without damage the newest root is always right behind its base")
  },
  {
    name: "broken: only the slot right behind the newest readable root stops an open, one damaged root slot",
    overrides: { rules: { unreadable: "stopBehindNewest" }, faults: { unreadable: 1, damagedSlots: 1 } },
    expect: caught("AcknowledgedLost", "Resurrected")
  },
  {
    name: "broken: the base cannot be read at open, and nothing is retained, one damaged root slot",
    overrides: { rules: { unknownBase: "nothingRetained" }, faults: { unreadable: 1, damagedSlots: 1 } },
    expect: caught("Overwrite", "Unopenable")
  },
  {
    name: "broken: the base cannot be read at open, and nothing is retained",
    overrides: { rules: { unknownBase: "nothingRetained" }, faults: { unreadable: 1 } },
    expect: harmless("the accepted root is durable before the first write", "Overwrite")
  }
]

const failureVariants: ReadonlyArray<Variant> = [
  {
    name: "broken: a failed sync is retried",
    overrides: { rules: { failedSync: "retry" }, faults: { failedSyncs: 1 } },
    expect: caught("AcknowledgedLost", "Unopenable")
  },
  {
    name: "broken: a poisoned handle goes on",
    overrides: { rules: { failedSync: "goOn" }, faults: { failedSyncs: 1 } },
    expect: caught("Resurrected")
  },
  {
    name: "broken: a poisoned handle writes a clean root of the published state",
    overrides: { rules: { failedSync: "closeClean" }, faults: { failedSyncs: 1 } },
    expect: harmless("that state is durable, and nobody was told about the other one")
  },
  {
    name: "broken: a poisoned handle writes a clean root of the state whose sync failed",
    overrides: { rules: { failedSync: "closeCleanInFlight" }, faults: { failedSyncs: 1 } },
    expect: caught("WrongBytes")
  }
]

export const brokenVariants: ReadonlyArray<Variant> = [
  ...deviceVariants,
  ...commitVariants,
  ...snapshotVariants,
  ...recoveryVariants,
  ...failureVariants
]
