/**
 * What one run of the model explores: the rules of the protocol, the faults that may strike, and the work that is done.
 *
 * The first value of each rule is the recommended one; nearly every other value is a way to get it wrong.
 */

interface Rules {
  /** Syncs a commit: one after the root, or one more before it. "either" leaves it to each commit. */
  readonly barriers: 1 | 2 | "either"
  /** How many roots before the published one stay whole. */
  readonly retention: 1 | 0
  /** Where the next root goes: after the newest accepted one; or the oldest slot; or generation mod K. */
  readonly slotChoice: "ring" | "oldest" | "modulo"
  /** What a checksum covers: address, birth and bytes, or the bytes alone. */
  readonly checksum: "bound" | "content"
  readonly nextGeneration: "aboveHighestSeen" | "aboveAccepted"
  /** What an open verifies before it trusts a root that had one barrier. */
  readonly verification: "bornAfterBase" | "withoutBookkeeping" | "none"
  readonly fallback: "base" | "baseUnverified" | "anyOlder" | "anyOlderUnverified"
  /**
   * What an open makes of a page or slot that cannot be read: it stops if a newer root may be in it, that is anywhere
   * in the run of slots without a valid root behind the newest; or only if it is the very next slot, which is enough as
   * long as no other slot is damaged; or it never stops.
   */
  readonly unreadable: "stop" | "stopBehindNewest" | "takenAsInvalid"
  /** What an open does when it cannot read the base of the root that it accepts, and so not what to retain. */
  readonly unknownBase: "emptyRootFirst" | "nothingRetained"
  /** Step 5 of open. "deferred" lets open return first and does the step before the session's first commit. */
  readonly reopening: "rewriteAndSync" | "syncAlone" | "nothing" | "deferred" | "recommitRoot" | "copyPages"
  readonly bootId: "known" | "unknown"
  /** Whether a root with the clean flag goes through step 5 like any other. */
  readonly cleanRoot: "reopenedAsAny" | "trustedAsItIs"
  readonly failedSync: "poison" | "retry" | "goOn" | "closeClean" | "closeCleanInFlight"
  /** What may be allocated: free before this commit in every root that counts; or what was just freed. */
  readonly pageReuse: "freeInRetained" | "freeInPredecessor" | "sameTransaction"
  /** When a page is free again that was written early and died in the same commit, or was rolled back. */
  readonly earlyReuse: "nextCommit" | "sameCommit"
  /** The birth of a page that is written early while the previous commit is still in flight. */
  readonly earlyBirth: "ownGeneration" | "inFlightGeneration"
  readonly base: "atEncoding" | "atBegin"
  readonly commitsInFlight: 1 | 2
  readonly snapshot: "closesGroup" | "sharesBirth" | "namesBase"
  readonly snapshotPages: "deadlist" | "freed"
  readonly deletedSnapshot: "movedOrFreed" | "allFreed"
  readonly rollbackGeneration: "goesOn" | "restarts"
  readonly rollbackDeadlist: "emptied" | "kept"
  readonly foldHome: "recorded" | "inPlace" | "newForgotten" | "oldLeaked"
}

interface Faults {
  /** Power cuts and kills together. */
  readonly crashes: number
  /** Whether a crash may be a kill -9, after which the page cache lives on. */
  readonly kill: boolean
  readonly tornWrites: boolean
  /** The device axiom: writing a sector again with identical bytes cannot change it. */
  readonly identicalRewriteIsSafe: boolean
  readonly failedSyncs: number
  /** After a failed sync the cache may drop what never reached the disk, at any later time. */
  readonly eviction: boolean
  /** Opens that meet one slot or page that cannot be read (EIO), which is whole all the same. */
  readonly unreadable: number
  /** Root slots that rot while the volume is closed. */
  readonly damagedSlots: number
}

interface Workload {
  readonly slotCount: number
  readonly pageCount: number
  readonly transactions: number
  /** "repeating" lets transactions write the same bytes again, which only a bound checksum tells apart. */
  readonly values: "distinct" | "repeating"
  /** Transactions arrive while a commit is in flight, and share the next one. */
  readonly group: boolean
  /** Puts in a transaction when it runs step by step, with early writes and rollbacks; 0: a transaction is one step. */
  readonly stepwisePuts: number
  readonly savepoints: boolean
  readonly folds: boolean
  readonly snapshots: number
  readonly snapshotDeletions: number
  readonly rollbacks: number
  readonly closes: number
}

export interface Settings {
  readonly rules: Rules
  readonly faults: Faults
  readonly workload: Workload
}

export interface Overrides {
  readonly rules?: Partial<Rules>
  readonly faults?: Partial<Faults>
  readonly workload?: Partial<Workload>
}

const recommended: Settings = {
  rules: {
    barriers: 1,
    retention: 1,
    slotChoice: "ring",
    checksum: "bound",
    nextGeneration: "aboveHighestSeen",
    verification: "bornAfterBase",
    fallback: "base",
    unreadable: "stop",
    unknownBase: "emptyRootFirst",
    reopening: "rewriteAndSync",
    bootId: "known",
    cleanRoot: "reopenedAsAny",
    failedSync: "poison",
    pageReuse: "freeInRetained",
    earlyReuse: "nextCommit",
    earlyBirth: "ownGeneration",
    base: "atEncoding",
    commitsInFlight: 1,
    snapshot: "closesGroup",
    snapshotPages: "deadlist",
    deletedSnapshot: "movedOrFreed",
    rollbackGeneration: "goesOn",
    rollbackDeadlist: "emptied",
    foldHome: "recorded"
  },
  faults: {
    crashes: 2,
    kill: true,
    tornWrites: true,
    identicalRewriteIsSafe: true,
    failedSyncs: 0,
    eviction: false,
    unreadable: 0,
    damagedSlots: 0
  },
  workload: {
    slotCount: 4,
    pageCount: 6,
    transactions: 3,
    values: "distinct",
    group: false,
    stepwisePuts: 0,
    savepoints: false,
    folds: false,
    snapshots: 0,
    snapshotDeletions: 0,
    rollbacks: 0,
    closes: 0
  }
}

export const settingsOf = (...overrides: ReadonlyArray<Overrides>): Settings =>
  overrides.reduce<Settings>(
    (settings, over) => ({
      rules: { ...settings.rules, ...over.rules },
      faults: { ...settings.faults, ...over.faults },
      workload: { ...settings.workload, ...over.workload }
    }),
    recommended
  )
