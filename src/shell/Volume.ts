/**
 * A volume: a file system and key-value store on one block device, as a service.
 *
 * Files are reached through `VolumeFileSystem`, keys through `KeyValue`; what is here is what holds them together:
 * transactions, views, durability, statistics; and tables.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Report as CheckReport } from "../core/Check.ts"
import type { Draft } from "../core/Draft.ts"
import type { Layout } from "../core/Layout.ts"
import type { Pages } from "../core/Pages.ts"
import type { Roots } from "../core/Roots.ts"
import { BlockDevice } from "./BlockDevice.ts"
import * as ChangeFeed from "./ChangeFeed.ts"
import * as Checking from "./Checking.ts"
import * as Configuration from "./Configuration.ts"
import * as Difference from "./Difference.ts"
import * as Expiry from "./Expiry.ts"
import * as FileOperation from "./FileOperation.ts"
import * as Opening from "./Opening.ts"
import * as Immediate from "./Immediate.ts"
import * as OpenFiles from "./OpenFiles.ts"
import * as Receipt from "./Receipt.ts"
import * as Resizing from "./Resizing.ts"
import * as Scrub from "./Scrub.ts"
import type * as Session from "./Session.ts"
import * as Snapshots from "./Snapshots.ts"
import * as Statistics from "./Statistics.ts"
import * as Table from "./Table.ts"
import * as Tracing from "./Tracing.ts"
import * as Transaction from "./Transaction.ts"
import { make as failureOf, ReadOnly, type VolumeError } from "./VolumeError.ts"
import * as Receive from "./Receive.ts"
import * as Send from "./Send.ts"
import * as Reading from "./Reading.ts"
import * as Watching from "./Watching.ts"

export type { CheckReport }
export type { Batch, Options as ChangesOptions } from "./ChangeFeed.ts"
export type { ByteRange, Change } from "./Difference.ts"
export type { Receipt } from "./Receipt.ts"
export type { Options as ScrubOptions, Progress as ScrubProgress } from "./Scrub.ts"
export type { Begun, Options as ReceiveOptions, Received } from "./Receive.ts"
export type { Options as SendOptions } from "./Send.ts"
export type { RollbackOptions, Snapshot } from "./Snapshots.ts"
export type { Statistics } from "./Statistics.ts"
export type { Event as WatchEvent, Options as WatchOptions } from "./Watching.ts"

/** What is fixed for the life of a volume, and what its opening found. */
export interface Facts {
  readonly device: string
  readonly volumeId: Uint8Array
  readonly layout: Layout
  readonly checksum: string
  readonly rootSlots: number
  /** The largest size that the volume can ever have, in bytes. */
  readonly sizeMax: number
  readonly readOnly: boolean
  /** Generations of roots that were found incomplete and passed over. */
  readonly rejectedRoots: ReadonlyArray<number>
}

/** The options of {@link layer}. Sizes are in bytes. */
export interface Options extends Opening.FormatOptions {
  /** Whether to format: a blank device only (the default), never, or always, destroying what is there. */
  readonly format?: "if-blank" | "never" | "always" | undefined
  /** When a transaction is durable: when it returns (`"commit"`, the default), or at the next interval or `sync`. */
  readonly durability?: Session.Durability | undefined
  /** Bounds the clean pages that are kept in memory; 64 MiB by default. */
  readonly cacheBytes?: Configuration.Size | undefined
  /** Bounds what a transaction keeps in memory before it writes early; 4 MiB by default. */
  readonly dirtyBytes?: Configuration.Size | undefined
  /**
   * Opens even if the newest root may stand in a slot that cannot be read, or if the two newest are lost, as when the device has
   * swapped them: the newest changes may be lost.
   */
  readonly force?: boolean | undefined
  /**
   * Opens only a volume that still has this commit, and formats nothing: an older copy, another volume, or one that was set back
   * to a snapshot from before it fails with `RolledBack`.
   */
  readonly atLeast?: Receipt.Receipt | undefined
  /**
   * How old a view or an opened snapshot may grow; without end by default. An older one holds no pages back any more, and its
   * next read fails with `ViewExpired`.
   */
  readonly viewAgeMax?: Duration.Input | undefined
}

const CACHE_BYTES = 64 * 1024 * 1024
const DIRTY_BYTES = 4 * 1024 * 1024
const INTERVAL_MILLIS = 1000

/** What a {@link Volume} does. */
export interface Interface {
  readonly facts: Facts
  /**
   * Runs `effect` as one transaction: all operations inside, through whichever service, commit as one when it succeeds,
   * and leave nothing behind when it fails, dies or is interrupted. Inside another transaction it is a savepoint.
   */
  readonly transaction: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | VolumeError, R>
  /** The same, with a receipt; none if nothing was changed or nothing is durable yet. */
  readonly commit: <A, E, R>(
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<{ readonly value: A; readonly receipt: Option.Option<Receipt.Receipt> }, E | VolumeError, R>
  /** The receipt of the newest durable root, whoever committed it. */
  readonly receipt: Effect.Effect<Receipt.Receipt>
  /** Runs all reads inside on one durable root. */
  readonly view: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | VolumeError, R>
  /**
   * Gives the volume another size, in bytes, rounded down to whole pages: in one commit, and not inside of a transaction. A
   * device that is shorter grows, if it can. A volume shrinks no further than to the last page in use: nothing is moved.
   */
  readonly resize: (sizeBytes: number) => Effect.Effect<void, VolumeError>
  /** Makes everything durable that has succeeded. */
  readonly sync: Effect.Effect<void, VolumeError>
  /**
   * Of a volume that is open for reading only, beside a writer in another process: takes the newest root, and answers
   * whether it is another one. Running views keep theirs. Does nothing where the volume is open for writing.
   */
  readonly refresh: Effect.Effect<boolean, VolumeError>
  readonly statistics: Effect.Effect<Statistics.Statistics>
  /** Tells of each commit when it is durable, until the scope ends; see `VolumeMetrics`. */
  readonly onCommit: (tell: (commit: Session.Committed) => void) => Effect.Effect<void, never, Scope.Scope>
  /** States that were committed and stay whole; see {@link layerSnapshot} for reading one. */
  readonly snapshots: {
    /**
     * Takes a snapshot: of the state as it stands; inside a transaction, of what that commits. It costs no more than any
     * small change, and keeps what changes afterwards from being written over.
     */
    readonly create: (name: string) => Effect.Effect<void, VolumeError>
    /** Oldest first. */
    readonly list: Effect.Effect<ReadonlyArray<Snapshots.Snapshot>, VolumeError>
    /** Removes a snapshot, and frees what only it held. */
    readonly remove: (name: string) => Effect.Effect<void, VolumeError>
    /** Makes the state of a snapshot that of the volume again. */
    readonly rollback: (name: string, options?: Snapshots.RollbackOptions) => Effect.Effect<void, VolumeError>
    /** The volume as the snapshot has it, for reading; it stays whole until the scope ends. */
    readonly open: (name: string) => Effect.Effect<Interface, VolumeError, Scope.Scope>
  }
  /**
   * The table of a name: an ordered map from bytes to bytes, which changes together with files and keys. It comes to be when the
   * first entry is set. A name has 1 to 255 bytes as UTF-8, and no NUL; `Table.typed` puts types on top.
   */
  readonly table: (name: string) => Table.Table
  /** All tables, in the byte order of their names. */
  readonly tables: Effect.Effect<ReadonlyArray<Table.Listed>, VolumeError>
  /**
   * Verifies the newest durable root: every pointer, checksum, name, link count and free page. With `deep` the content
   * of files is read too. The report lists what is wrong.
   */
  readonly check: (options?: { readonly deep?: boolean | undefined }) => Effect.Effect<CheckReport, VolumeError>
  /**
   * Reads and verifies everything that is live in the newest durable root, contents too, while the volume is in use: a
   * stream of how far it has come, of which the last has the report. At most `bytesPerSecond`, if that is given.
   */
  readonly scrub: (options?: Scrub.Options) => Stream.Stream<Scrub.Progress, VolumeError>
  /**
   * What differs between two states: from a snapshot to another one, or to what is durable now, earlier or later. Entries are
   * told as added, removed, renamed (the inode is the same), or changed, with the ranges of bytes that are others. What both
   * states share is passed over: it costs what was changed. Both states stay whole until the stream ends.
   */
  readonly diff: (from: string, to?: string) => Stream.Stream<Difference.Change, VolumeError>
  /**
   * What changes from now on, or since a cursor that an earlier feed has given: batches that lead from one durable state to the
   * next, each with a cursor that outlives the session. See `ChangeFeed`.
   */
  readonly changes: (options?: ChangeFeed.Options) => Stream.Stream<ChangeFeed.Batch, VolumeError>
  /** Gives up what is kept for a feed: its cursors lead nowhere any more. */
  readonly forgetChanges: (cursor: string) => Effect.Effect<void, VolumeError>
  /**
   * What is committed from now on, without end: it looks for a newer root at intervals, and tells what differs. Open for reading
   * only, beside a writer in another process, it refreshes the volume; where that was faster it tells that changes were missed.
   */
  readonly watch: (options?: Watching.Options) => Stream.Stream<Watching.Event, VolumeError>
  /**
   * A snapshot as a stream of bytes, from another one or from nothing: {@link receive} makes it elsewhere. Writers go on; what is
   * sent stays whole until the stream ends.
   */
  readonly send: (name: string, options?: Send.Options) => Stream.Stream<Uint8Array, VolumeError>
  /**
   * Makes the state of this volume that of a snapshot that was sent, in one transaction, and takes the snapshot, with the same id.
   * A stream that breaks off leaves what has arrived: sent again, it goes on from there.
   */
  readonly receive: <E, R>(
    stream: Stream.Stream<Uint8Array, E, R>,
    options?: Receive.Options
  ) => Effect.Effect<Receive.Received, E | VolumeError, R>
  /** What a stream that broke off has left. */
  readonly receiving: Effect.Effect<Receive.Begun | undefined, VolumeError>
  /** Gives that up. */
  readonly abandonReceiving: Effect.Effect<void, VolumeError>
  /** Runs a reading function of the core on the root that the caller sees: what adapters are made of. */
  readonly read: <A>(f: (pages: Pages, roots: Roots) => A) => Effect.Effect<A, VolumeError>
  /**
   * Keeps the root that the caller sees until the scope ends, and answers how it is read; inside a transaction, what that has made
   * by the time of each reading.
   */
  readonly hold: Effect.Effect<Reading.Reading, VolumeError, Scope.Scope>
  /** The durable root that the caller sees; nothing in a transaction, or where it sees what is not durable yet. */
  readonly durableRoot: Effect.Effect<object | undefined>
  /** What is open: asked before anything is freed. */
  readonly openFiles: OpenFiles.OpenFiles
  /** Runs an editing function of the core in the caller's transaction, or in one of its own. */
  readonly write: <A>(f: (draft: Draft<Roots>) => A) => Effect.Effect<A, VolumeError>
  /** `read` and `write` here and now: who wraps one of these wraps its like. */
  readonly immediate: Immediate.Immediate
}

/** An open volume, as a service. */
export class Volume extends Context.Service<Volume, Interface>()("notafs/shell/Volume") {}

/** Opens the volume of the device until the scope ends. */
export const open = (
  options: Options & { readonly readOnly?: boolean | undefined } = {}
): Effect.Effect<Volume["Service"], VolumeError, BlockDevice | Scope.Scope> =>
  Effect.gen(function* () {
    const device = yield* BlockDevice
    const session = yield* Effect.acquireRelease(
      Opening.open(device, {
        pageSize: options.pageSize,
        checksum: options.checksum,
        size: options.size,
        sizeMax: options.sizeMax,
        format: options.format ?? "if-blank",
        durability: options.durability ?? "commit",
        cacheBytes: options.cacheBytes ?? CACHE_BYTES,
        dirtyBytes: options.dirtyBytes ?? DIRTY_BYTES,
        readOnly: options.readOnly ?? false,
        force: options.force ?? false,
        atLeast: options.atLeast,
        viewAgeMaxMillis: options.viewAgeMax === undefined ? undefined : Duration.toMillis(options.viewAgeMax)
      }),
      (opened) =>
        Effect.catch(Transaction.close(opened), (error) =>
          Effect.logError(`Closing ${device.identity} failed: ${error.message}`)
        )
    )
    if (session.durability === "interval" && !session.readOnly) {
      const flush = Effect.ignore(Transaction.sync(session))
      yield* Effect.forkScoped(Effect.forever(Effect.delay(flush, INTERVAL_MILLIS)))
    }
    const volume = service(session)
    // What a crash left without a name is freed in the background: step by step, between other writers.
    if (!session.readOnly) yield* Effect.forkScoped(FileOperation.sweepLeftovers(volume))
    return volume
  })

/** The volume of the device below: formatted if it is blank, unless the options say otherwise. */
export const layer = (options: Options = {}): Layer.Layer<Volume, VolumeError, BlockDevice> =>
  Layer.effect(Volume, open(options))

/** The options as configuration, by their names: `cacheBytes: "64 MiB"`, `viewAgeMax: "5 minutes"`. */
export const config: Config.Config<Options> = Configuration.options({
  pageSize: Configuration.bytes("pageSize"),
  checksum: Config.Literals(["xxh64", "sha256"], "checksum"),
  size: Configuration.bytes("size"),
  sizeMax: Configuration.bytes("sizeMax"),
  format: Config.Literals(["if-blank", "never", "always"], "format"),
  durability: Config.Literals(["commit", "interval"], "durability"),
  cacheBytes: Configuration.bytes("cacheBytes"),
  dirtyBytes: Configuration.bytes("dirtyBytes"),
  force: Config.Boolean("force"),
  viewAgeMax: Config.Duration("viewAgeMax")
})

/** {@link layer} by configuration: by {@link config}, or by one of the caller's. */
export const layerConfig = (
  options: Config.Config<Options> = config
): Layer.Layer<Volume, VolumeError | Config.ConfigError, BlockDevice> => Layer.unwrap(Effect.map(options, layer))

/**
 * The same for reading only: nothing is written, not even what a recovery would write again, and no lock is taken.
 *
 * It shows the root that was the newest when it was opened, until it is refreshed. A writer in another process does not keep
 * that root: what it has written over fails with `ViewExpired`, and is never read as anything else.
 */
export const layerReadOnly = (
  options: Omit<Options, "format" | "durability" | "dirtyBytes" | "viewAgeMax"> = {}
): Layer.Layer<Volume, VolumeError, BlockDevice> =>
  Layer.effect(Volume, open({ ...options, format: "never", readOnly: true }))

/** A snapshot of the volume below, in its place: for reading, by the same services. */
export const layerSnapshot = (name: string): Layer.Layer<Volume, VolumeError, Volume> =>
  Layer.effect(
    Volume,
    Effect.flatMap(Volume, (volume) => volume.snapshots.open(name))
  )

/** What has a span, where somebody traces; see `Tracing`. */
const TRACED = ["transaction", "commit", "view", "resize", "sync", "refresh", "check"] as const

const service = (session: Session.Session): Volume["Service"] => {
  const volume: Volume["Service"] = Volume.of({
    facts: factsOf(session),
    transaction: (effect) => Effect.map(Transaction.transaction(session, effect), ({ value }) => value),
    commit: (effect) =>
      Effect.map(Transaction.transaction(session, effect), ({ head, value }) => ({
        value,
        receipt: Option.map(head, ({ root }) => Receipt.of(session.binding.volumeId, root))
      })),
    receipt: Effect.sync(() => Receipt.of(session.binding.volumeId, session.head.root)),
    view: (effect) => Reading.view(session, effect),
    resize: (sizeBytes) => Resizing.resize(session, sizeBytes),
    sync: Transaction.sync(session),
    refresh: Expiry.refresh(session),
    statistics: Effect.sync(() => Statistics.of(session)),
    onCommit: (tell) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => session.onCommit.add(tell)),
          () => Effect.sync(() => session.onCommit.delete(tell))
        )
      ),
    snapshots: {
      create: (name) => Snapshots.create(session, name),
      list: Snapshots.list(session),
      remove: (name) => Snapshots.remove(session, name),
      rollback: (name, options) => Snapshots.rollback(session, name, options),
      open: (name) => Effect.map(Snapshots.open(session, name), (pinned) => ofSnapshot(session, pinned))
    },
    table: (name) => Table.make(volume, name),
    tables: Effect.suspend(() => Table.list(volume)),
    check: (options) => Checking.run(session, options?.deep ?? false),
    scrub: (options) => Scrub.run(session, options),
    diff: (from, to) => Difference.diff(session, from, to),
    changes: (options) => ChangeFeed.changes(session, options),
    forgetChanges: (cursor) => ChangeFeed.forget(session, cursor),
    watch: (options) => Watching.watch(session, options),
    send: (name, options) => Send.send(session, name, options),
    receive: (stream, options) => Receive.receive(session, stream, options),
    receiving: Receive.begun(session),
    abandonReceiving: Receive.abandon(session),
    durableRoot: Reading.durableRoot(session),
    openFiles: OpenFiles.make(session),
    read: (f) => Reading.read(session, f),
    hold: Reading.hold(session),
    write: (f) => Transaction.write(session, f),
    immediate: Immediate.make(session)
  })
  return Tracing.traced(volume, "Volume", TRACED)
}

/** A service that reads one root; what is not about its content is the volume's own. */
const ofSnapshot = (session: Session.Session, pinned: Reading.PinnedRoot): Volume["Service"] => {
  const readOnly = Effect.suspend(() => Effect.fail(failureOf(new ReadOnly({ device: session.device.identity }))))
  const whole = service(session)
  const volume: Volume["Service"] = Volume.of({
    ...whole,
    facts: { ...whole.facts, readOnly: true },
    transaction: () => readOnly,
    commit: () => readOnly,
    view: (effect) => effect,
    resize: () => readOnly,
    sync: Effect.void,
    refresh: Effect.succeed(false),
    snapshots: {
      ...whole.snapshots,
      create: () => readOnly,
      remove: () => readOnly,
      rollback: () => readOnly
    },
    table: (name) => Table.make(volume, name),
    tables: Effect.suspend(() => Table.list(volume)),
    receive: () => readOnly,
    abandonReceiving: readOnly,
    changes: () => Stream.fromEffect(readOnly),
    forgetChanges: () => readOnly,
    durableRoot: Effect.succeed(pinned.head),
    openFiles: OpenFiles.ofSnapshot,
    read: (f) => Reading.readAt(session, pinned, f),
    hold: Effect.succeed((f) => Reading.readAt(session, pinned, f)),
    write: () => readOnly,
    immediate: { ...whole.immediate, read: (_fiber, f) => Reading.readAt(session, pinned, f), write: () => readOnly }
  })
  return volume
}

const factsOf = (session: Session.Session): Facts => ({
  device: session.device.identity,
  volumeId: session.binding.volumeId,
  layout: session.binding.layout,
  checksum: session.binding.checksum.name,
  rootSlots: session.superblock.slots.count,
  sizeMax: session.superblock.pageCountMax * session.binding.layout.pageBytes,
  readOnly: session.readOnly,
  rejectedRoots: session.rejected.map(({ generation }) => generation)
})
