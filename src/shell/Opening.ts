/**
 * From a device to a session: finds the superblock, formats if asked to, reads the root slots, recovers.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Allocator from "../core/Allocator.ts"
import type * as Binding from "../core/Binding.ts"
import { equal, isZero, UINT48_END } from "../core/Bytes.ts"
import type * as Checksum from "../core/Checksum.ts"
import * as Format from "../core/Format.ts"
import * as Layout from "../core/Layout.ts"
import { CleanPages } from "../core/Pages.ts"
import * as RootRecord from "../core/RootRecord.ts"
import * as RootSlots from "../core/RootSlots.ts"
import * as Superblock from "../core/Superblock.ts"
import * as Batching from "./Batching.ts"
import * as Configuration from "./Configuration.ts"
import type { BlockDevice } from "./BlockDevice.ts"
import { BufferPool } from "./BufferPool.ts"
import * as Fencing from "./Fencing.ts"
import * as Freshness from "./Freshness.ts"
import * as GroupCommit from "./GroupCommit.ts"
import * as Hashes from "./Hashes.ts"
import { Identity } from "./Identity.ts"
import * as Logs from "./Logs.ts"
import { PageCache } from "./PageCache.ts"
import { Readers } from "./Readers.ts"
import type { Receipt } from "./Receipt.ts"
import type { Durability, Session } from "./Session.ts"
import * as SlotReading from "./SlotReading.ts"
import * as VolumeError from "./VolumeError.ts"
import { Permit } from "./Permit.ts"
import * as Writing from "./Writing.ts"

type Device = BlockDevice["Service"]

/** What a volume is formatted with, and keeps. One that is there is opened with what it has; another page size is refused. */
export interface FormatOptions {
  /** Bytes of a page: a power of two from 512 to 65536; 4096 by default. */
  readonly pageSize?: Configuration.Size | undefined
  /** What verifies every read: `"xxh64"` (the default) is quick, `"sha256"` cannot be made to collide. */
  readonly checksum?: "xxh64" | "sha256" | undefined
  /** Bytes that the volume takes of its device; all of it by default. */
  readonly size?: Configuration.Size | undefined
  /** The most bytes that it can ever grow to; 16 times its size by default. */
  readonly sizeMax?: Configuration.Size | undefined
}

export interface OpenOptions extends FormatOptions {
  readonly format: "if-blank" | "never" | "always"
  readonly durability: Durability
  readonly cacheBytes: Configuration.Size
  readonly dirtyBytes: Configuration.Size
  readonly readOnly: boolean
  /** Open even if the newest root may be in a slot that cannot be read, or if the two newest are lost. */
  readonly force: boolean
  /** Open only what still has this commit; then nothing is formatted. */
  readonly atLeast?: Receipt | undefined
  /** How old a view may grow, in milliseconds; without end if it is not given. */
  readonly viewAgeMaxMillis?: number | undefined
}

/** The sizes among them, as numbers of bytes. */
interface Sizes {
  readonly pageSize: number | undefined
  readonly size: number | undefined
  readonly sizeMax: number | undefined
  readonly cacheBytes: number
  readonly dirtyBytes: number
}

type Counted = Omit<OpenOptions, keyof Sizes> & Sizes

const counted = (options: OpenOptions): Counted => ({
  ...options,
  pageSize: Configuration.byteCountIfGiven(options.pageSize),
  size: Configuration.byteCountIfGiven(options.size),
  sizeMax: Configuration.byteCountIfGiven(options.sizeMax),
  cacheBytes: Configuration.byteCount(options.cacheBytes),
  dirtyBytes: Configuration.byteCount(options.dirtyBytes)
})

/** Buffers are kept for so many times what a transaction may hold: it fills some while others are on their way, twice over. */
const POOL_FACTOR = 4

const NANOS_PER_MILLI = 1_000_000

const fail = (reason: VolumeError.Reason) => VolumeError.make(reason)

// ---- finding the superblock

/** Bytes at the start that are looked at to tell a blank device: the first copy and its slots, with the largest pages. */
const BLANK_BYTES = 17 * Layout.PAGE_BYTES_MAX

export interface Found {
  readonly superblock: Superblock.Superblock | undefined
  /** Why there is none. */
  readonly fault: Superblock.Fault
  readonly isBlank: boolean
}

/**
 * Either copy of the superblock: at the start, or at a power of two.
 *
 * - What a newer program has formatted is refused, and what older copies it may hold is not to be found: where the digest of
 *   a copy says so, or two copies of one volume, if their digests cannot be computed here.
 * - One copy alone whose digest does not verify is damaged, whatever its version says.
 */
export const find = Effect.fnUntraced(function* (device: Device, checksums: ReadonlyArray<Checksum.Checksum>) {
  const size = yield* Effect.mapError(device.size, VolumeError.make)
  const probeBytes = Math.max(device.sectorBytes, Superblock.SUPERBLOCK_BYTES)
  let fault: Superblock.Fault = { _tag: "NotFormatted" }
  let isBlank = true
  let unreadable: VolumeError.VolumeError | undefined
  const copies: Array<Superblock.Superblock> = []
  const claims: Array<Extract<Superblock.Fault, { readonly _tag: "UnsupportedFormat" }>> = []
  for (let offset = 0; offset + probeBytes <= size; offset = offset === 0 ? Layout.PAGE_BYTES_MIN : offset * 2) {
    if (offset % device.sectorBytes !== 0) continue
    const read = yield* Effect.exit(SlotReading.readAt(device, offset, probeBytes))
    if (Exit.isFailure(read)) {
      unreadable ??= Option.getOrUndefined(Exit.findErrorOption(read))
      isBlank = false
      continue
    }
    if (!isZero(read.value, 0, probeBytes)) isBlank = false
    const decoded = Superblock.decode(read.value, offset, checksums)
    if ("_tag" in decoded) {
      if (decoded._tag !== "NotFormatted" && fault._tag !== "UnsupportedFormat") fault = decoded
      if (decoded._tag !== "UnsupportedFormat") continue
      const isTold = decoded.isVerified || claims.some(({ volumeId }) => equal(volumeId, decoded.volumeId))
      if (isTold) return { superblock: undefined, fault: decoded, isBlank: false } satisfies Found
      claims.push(decoded)
    } else if (offset === 0) return { superblock: decoded, fault, isBlank: false } satisfies Found
    // Elsewhere than in its own place it is part of something else: of an image kept in a file, perhaps.
    else if (offset === decoded.slots.secondCopy * decoded.geometry.pageBytes) copies.push(decoded)
  }
  const [first, ...others] = copies
  if (others.some(({ volumeId }) => !equal(volumeId, first.volumeId))) {
    fault = { _tag: "Corrupt", reason: "copy one of the superblock is lost, and copies of several volumes are left" }
    return { superblock: undefined, fault, isBlank: false } satisfies Found
  }
  if (first !== undefined) return { superblock: first, fault, isBlank: false } satisfies Found
  if (unreadable !== undefined) return yield* unreadable
  for (let offset = 0; isBlank && offset < Math.min(size, BLANK_BYTES); offset += Layout.PAGE_BYTES_MAX) {
    const bytes = yield* SlotReading.readAt(device, offset, Math.min(Layout.PAGE_BYTES_MAX, size - offset))
    isBlank = isZero(bytes, 0, bytes.length)
  }
  return { superblock: undefined, fault, isBlank } satisfies Found
})

// ---- formatting

const PAGE_COUNT_MAX_FACTOR = 16

const format = Effect.fnUntraced(function* (device: Device, hashes: Hashes.Hashes, options: Counted) {
  const identity = yield* Identity
  const pageBytes = options.pageSize ?? Layout.PAGE_BYTES_DEFAULT
  const invalid = (reason: string) => fail(new VolumeError.InvalidOptions({ device: device.identity, reason }))
  if (!Layout.isPageBytes(pageBytes)) {
    return yield* invalid(`a page has 512 to 65536 bytes, a power of two, and not ${pageBytes}`)
  }
  if (pageBytes % device.sectorBytes !== 0) {
    return yield* invalid(
      `a page must be whole sectors of ${device.sectorBytes} bytes, which ${pageBytes} bytes are not`
    )
  }
  const deviceBytes = yield* Effect.mapError(device.size, VolumeError.make)
  const size = options.size ?? deviceBytes
  if (size > deviceBytes) {
    yield* Effect.mapError(device.grow(Math.ceil(size / device.sectorBytes) * device.sectorBytes), VolumeError.make)
  }
  const pageCount = Math.floor(size / pageBytes)
  if (pageCount < RootSlots.PAGES_MIN) {
    return yield* invalid(
      `a volume has at least ${RootSlots.PAGES_MIN} pages (${RootSlots.PAGES_MIN * pageBytes} bytes)`
    )
  }
  const pageCountMax = Math.min(
    UINT48_END - 1,
    options.sizeMax === undefined ? pageCount * PAGE_COUNT_MAX_FACTOR : Math.floor(options.sizeMax / pageBytes)
  )
  if (pageCountMax < pageCount) return yield* invalid("its largest size is smaller than its size")
  const checksum = hashes[options.checksum ?? "xxh64"]
  if (!Format.fits(pageBytes, pageCountMax, checksum)) {
    return yield* invalid("its pages are too small for a root with pointers of this size")
  }
  const plan = Format.plan(
    {
      pageBytes,
      pageCount,
      devicePageCount: Math.floor((yield* Effect.mapError(device.size, VolumeError.make)) / pageBytes),
      pageCountMax,
      extensionBytes: 0,
      volumeId: identity.next(),
      sessionId: identity.next(),
      bootId: identity.boot,
      time: yield* Clock.currentTimeNanos
    },
    checksum
  )
  for (const writes of [plan.first, plan.last]) {
    yield* Effect.mapError(Batching.write(device, writes, pageBytes), VolumeError.make)
    yield* Effect.mapError(device.sync, VolumeError.make)
  }
  return plan.superblock
})

// ---- opening

const SIZES = ["pageSize", "size", "sizeMax", "cacheBytes", "dirtyBytes"] as const

/** Opens the volume of a device, formatting it first where the options say so. */
export const open = Effect.fnUntraced(function* (device: Device, given: OpenOptions) {
  const options = counted(given)
  const wrong = SIZES.find((name) => options[name] !== undefined && !(options[name] >= 0))
  if (wrong !== undefined) {
    const reason = `${wrong} is a number of bytes, or a text like "64 MiB", and neither below zero nor anything else`
    return yield* fail(new VolumeError.InvalidOptions({ device: device.identity, reason }))
  }
  const hashes = yield* Hashes.load
  const found = yield* find(device, Hashes.all(hashes))
  const { atLeast } = options
  if (atLeast !== undefined && options.format === "always") {
    const reason = "a volume that is formatted anew has no commit that there is a receipt of"
    return yield* fail(new VolumeError.InvalidOptions({ device: device.identity, reason }))
  }
  if (atLeast !== undefined && found.isBlank) {
    const { identity } = device
    return yield* fail(
      new VolumeError.RolledBack({ device: identity, why: "NoVolume", expected: atLeast, found: undefined })
    )
  }
  const mayFormat = options.format === "always" || (options.format === "if-blank" && found.isBlank)
  if (mayFormat) return yield* recover(device, hashes, yield* format(device, hashes, options), options)
  if (found.superblock === undefined) return yield* fail(noSuperblock(device, found))
  return yield* recover(device, hashes, found.superblock, options)
})

export const noSuperblock = (device: Device, { fault, isBlank }: Found): VolumeError.Reason => {
  switch (fault._tag) {
    case "NotFormatted":
      return new VolumeError.NotFormatted({ device: device.identity, blank: isBlank })
    case "UnsupportedFormat":
      return new VolumeError.UnsupportedFormat({ device: device.identity, reason: fault.reason })
    case "Corrupt":
      return new VolumeError.Corrupt({ device: device.identity, address: 0, reason: fault.reason })
  }
}

export const bindingOf = (hashes: Hashes.Hashes, superblock: Superblock.Superblock): Binding.Binding => {
  const checksum = Hashes.all(hashes).find(({ algorithm }) => algorithm === superblock.algorithm)
  return Superblock.binding(superblock, checksum ?? hashes.xxh64)
}

const recover = Effect.fnUntraced(function* (
  device: Device,
  hashes: Hashes.Hashes,
  superblock: Superblock.Superblock,
  options: Counted
) {
  const identity = yield* Identity
  const { pageBytes } = superblock.geometry
  if (options.pageSize !== undefined && options.pageSize !== pageBytes) {
    return yield* fail(
      new VolumeError.WrongPageSize({ device: device.identity, expected: options.pageSize, actual: pageBytes })
    )
  }
  const binding = bindingOf(hashes, superblock)
  const deviceBytes = yield* Effect.mapError(device.size, VolumeError.make)
  const readOnly = options.readOnly || device.readOnly
  const slots = readOnly ? undefined : yield* SlotReading.readSlots(device, superblock)
  const opened = yield* slots === undefined
    ? SlotReading.examineAgain(device, binding, superblock, options.force)
    : SlotReading.examine(device, binding, superblock, slots, options.force)
  const { root } = opened
  const next = RootSlots.next(superblock.slots, root.record.slot)
  const ahead = slots?.pages[next]
  const isForeign = ahead === undefined || RootRecord.claimedGeneration(ahead) >= opened.nextGeneration
  if (root.record.map.pageCount * pageBytes > deviceBytes) {
    const reason = `it has ${deviceBytes} bytes, but its volume has ${root.record.map.pageCount * pageBytes}: it was cut short`
    return yield* fail(new VolumeError.Corrupt({ device: device.identity, address: undefined, reason }))
  }
  for (const { address, generation, reason } of opened.rejected) {
    yield* Logs.rootRejected(device.identity, generation, address, reason)
  }
  yield* Logs.rootTaken(device.identity, root.record.generation, root.record.slot)
  const clock = yield* Clock.Clock
  const buffers = new BufferPool(pageBytes, binding.layout.runPagesMax, POOL_FACTOR * options.dirtyBytes)
  const cache = new PageCache(options.cacheBytes, pageBytes, (run) => buffers.retire(run))
  for (const { bytes, pointer } of opened.verified) {
    cache.insert(pointer.address, pointer.birth, bytes, pointer.kind, pointer.level)
  }
  const { freeCount, cursor, map } = root.record
  const session: Session = {
    device,
    superblock,
    binding,
    cache,
    buffers,
    restarts: 0,
    pages: new CleanPages(binding.layout, cache),
    identity,
    sessionId: identity.next(),
    durability: options.durability,
    dirtyBytesMax: options.dirtyBytes,
    readOnly,
    writer: new Permit(),
    loneCommits: 0,
    syncing: new Permit(),
    head: { root, allocator: Allocator.make(map, freeCount, cursor, [], RootSlots.reserved(superblock.slots)) },
    moved: Deferred.makeUnsafe(),
    inflight: undefined,
    early: undefined,
    group: undefined,
    rewrite: opened.rewrite,
    rejected: opened.rejected,
    seenSlots: new Map(isForeign ? [] : [[next, ahead]]),
    seenGeneration: opened.nextGeneration - 1,
    nextGeneration: opened.nextGeneration,
    abandoned: [],
    hasWritten: false,
    poison: undefined,
    closed: false,
    readers: new Readers(() => Number(clock.monotonicTimeNanosUnsafe()) / NANOS_PER_MILLI, options.viewAgeMaxMillis),
    pins: new Map(),
    open: new Map(),
    counters: { commits: 0, transactions: 0, syncs: 0, pagesRead: 0, pagesWritten: 0 },
    onCommit: new Set()
  }
  if (options.atLeast !== undefined) yield* Freshness.check(session, options.atLeast)
  if (!session.readOnly) {
    yield* Fencing.check(session)
    yield* Writing.stabilize(session)
    // Where a commit did not come through, an empty root takes its slot, so that it can never become whole.
    if (!opened.isSettled) yield* GroupCommit.commitEmpty(session)
  }
  // What died with the newest root is held for nobody: before its first page a session commits a root that changes nothing (`claim`),
  // and then no crash asks for the one before the newest any more.
  return session
})
