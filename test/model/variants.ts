/** The protocol as recommended, in various settings; and, from brokenVariants.ts, each of its rules broken. */
import { brokenVariants } from "./brokenVariants.ts"
import { safe, type Variant } from "./Variant.ts"

const recommendedVariants: ReadonlyArray<Variant> = [
  { name: "recommended: one barrier", overrides: {}, expect: safe },
  {
    name: "recommended: one barrier, longer",
    overrides: { workload: { transactions: 4 }, faults: { crashes: 3 } },
    expect: safe,
    deep: { workload: { transactions: 5 }, faults: { crashes: 4 } }
  },
  {
    name: "recommended: one barrier, the same values again",
    overrides: { workload: { values: "repeating" } },
    expect: safe
  },
  {
    name: "recommended: two barriers",
    overrides: { rules: { barriers: 2 }, workload: { transactions: 4 }, faults: { crashes: 3 } },
    expect: safe
  },
  {
    name: "recommended: one or two barriers, commit by commit, with failed syncs",
    overrides: { rules: { barriers: "either" }, workload: { transactions: 3 }, faults: { failedSyncs: 1 } },
    expect: safe,
    deep: { faults: { crashes: 3, failedSyncs: 2 } }
  },
  {
    name: "recommended: one failed sync, the cache then drops pages",
    overrides: { faults: { failedSyncs: 1, eviction: true } },
    expect: safe
  },
  {
    name: "recommended: two failed syncs, the cache then drops pages",
    overrides: { faults: { crashes: 1, failedSyncs: 2, eviction: true }, workload: { transactions: 2 } },
    expect: safe,
    deep: { faults: { crashes: 2 }, workload: { transactions: 3 } }
  },
  {
    name: "recommended: boot id unknown, failed syncs",
    overrides: { rules: { bootId: "unknown" }, faults: { failedSyncs: 1 } },
    expect: safe
  },
  {
    name: "recommended: clean roots",
    overrides: { workload: { closes: 2, transactions: 2 } },
    expect: safe,
    deep: { workload: { transactions: 3 } }
  },
  {
    name: "recommended: clean roots, a failed sync, the cache then drops pages",
    overrides: { workload: { closes: 1, transactions: 2 }, faults: { failedSyncs: 1, eviction: true } },
    expect: safe
  },
  {
    name: "recommended: group commit",
    overrides: { workload: { group: true } },
    expect: safe,
    deep: { workload: { transactions: 4 } }
  },
  {
    name: "recommended: group commit, a failed sync",
    overrides: { workload: { group: true }, faults: { crashes: 1, failedSyncs: 1, eviction: true } },
    expect: safe
  },
  {
    name: "recommended: early writes",
    overrides: { workload: { transactions: 2, stepwisePuts: 2, pageCount: 8 } },
    expect: safe
  },
  {
    name: "recommended: early writes and savepoints",
    overrides: {
      workload: { transactions: 2, stepwisePuts: 2, savepoints: true, pageCount: 8 },
      faults: { crashes: 1 }
    },
    expect: safe,
    deep: { workload: { stepwisePuts: 3 } }
  },
  {
    name: "recommended: early writes in groups",
    overrides: { workload: { group: true, transactions: 2, stepwisePuts: 2, pageCount: 8 }, faults: { crashes: 1 } },
    expect: safe,
    deep: { workload: { transactions: 3 } }
  },
  {
    name: "recommended: folds",
    overrides: { workload: { folds: true, pageCount: 9 } },
    expect: safe,
    deep: { workload: { transactions: 4 }, faults: { crashes: 3 } }
  },
  {
    name: "recommended: folds, a failed sync, two barriers now and then",
    overrides: {
      rules: { barriers: "either" },
      workload: { folds: true, pageCount: 9, transactions: 2 },
      faults: { failedSyncs: 1, eviction: true, crashes: 1 }
    },
    expect: safe
  },
  {
    name: "recommended: snapshots, deleted and rolled back to",
    overrides: { workload: { transactions: 2, snapshots: 1, snapshotDeletions: 1, rollbacks: 1, pageCount: 8 } },
    expect: safe
  },
  {
    name: "recommended: two snapshots",
    overrides: {
      workload: { transactions: 3, snapshots: 2, snapshotDeletions: 2, rollbacks: 1, pageCount: 10 },
      faults: { crashes: 0 }
    },
    expect: safe,
    deep: { faults: { crashes: 1 } }
  },
  {
    name: "recommended: snapshots in groups with folds",
    overrides: {
      workload: { group: true, folds: true, transactions: 2, snapshots: 1, rollbacks: 1, pageCount: 10 },
      faults: { crashes: 1 }
    },
    expect: safe
  },
  {
    name: "recommended: a slot or page cannot be read at open",
    overrides: { faults: { unreadable: 1 } },
    expect: safe,
    deep: { faults: { unreadable: 2, crashes: 3 } }
  },
  {
    name: "recommended: reads and syncs fail",
    overrides: { faults: { unreadable: 1, failedSyncs: 1, crashes: 1, eviction: true } },
    expect: safe
  },
  {
    name: "recommended: one damaged root slot costs at most one step",
    overrides: { faults: { damagedSlots: 1 } },
    expect: safe
  },
  {
    name: "recommended: one damaged root slot, and later an unreadable one",
    overrides: { faults: { damagedSlots: 1, unreadable: 1 } },
    expect: safe
  },
  { name: "recommended: three slots", overrides: { workload: { slotCount: 3 } }, expect: safe }
]

export const variants: ReadonlyArray<Variant> = [...recommendedVariants, ...brokenVariants]
