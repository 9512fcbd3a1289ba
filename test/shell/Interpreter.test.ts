import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as BTree from "../../src/core/BTree.ts"
import { Draft } from "../../src/core/Draft.ts"
import * as Extent from "../../src/core/Extent.ts"
import { InvariantViolation } from "../../src/core/Invariant.ts"
import * as Node from "../../src/core/Node.ts"
import { CorruptPage, MissingPages } from "../../src/core/Pages.ts"
import * as Pointer from "../../src/core/Pointer.ts"
import type { Roots } from "../../src/core/Roots.ts"
import * as Interpreter from "../../src/shell/Interpreter.ts"
import * as MemoryDevice from "../../src/shell/MemoryDevice.ts"
import * as Opening from "../../src/shell/Opening.ts"
import { PinnedPages } from "../../src/shell/PinnedPages.ts"
import type { Session } from "../../src/shell/Session.ts"
import * as Transaction from "../../src/shell/Transaction.ts"

const ITEMS = 400
const keyOf = (number: number): Uint8Array => Uint8Array.of(number >> 8, number)

/** A session on a volume that holds a table of many pages; `cacheBytes` bounds what stays in memory. */
const open = (cacheBytes: number) => Effect.tap(recovered(cacheBytes), ({ session }) => forget(session))

/** Whatever its recovery has verified is to be read again. */
const forget = ({ cache, head }: Session) =>
  Effect.sync(() => cache.forgetAll(Extent.of(0, head.root.record.map.pageCount), () => undefined))

/** The same as its recovery has left it. */
const recovered = (cacheBytes: number) =>
  Effect.gen(function* () {
    const device = yield* MemoryDevice.make({ size: 512 * 1000 })
    const calls = { reads: 0 }
    const counting = {
      ...device,
      read: (ranges: Parameters<typeof device.read>[0]) =>
        Effect.suspend(() => {
          calls.reads++
          return device.read(ranges)
        })
    }
    const options = {
      pageSize: 512,
      format: "if-blank",
      durability: "commit",
      cacheBytes,
      dirtyBytes: 1 << 20,
      readOnly: false,
      force: false
    } as const
    const first = yield* Opening.open(device, options)
    yield* Transaction.write(first, (draft) => {
      for (let i = 0; i < ITEMS; i++) {
        draft.roots = {
          ...draft.roots,
          names: BTree.put(draft, draft.roots.names, keyOf(i), new Uint8Array(60).fill(i))
        }
      }
    })
    const session = yield* Opening.open(counting, options)
    calls.reads = 0
    return { session, calls, device }
  })

const draftOf = (session: Session) => {
  const pinned = new PinnedPages(session.cache, session.binding.layout.pageBytes)
  const { generation, roots } = session.head.root.record
  return { pinned, draft: new Draft<Roots>(session.binding, pinned, generation + 1, roots) }
}

const countItems = (session: Session) =>
  Interpreter.readRoot(session, session.head, (pages, roots) => {
    let count = 0
    BTree.ascend(pages, roots.names, undefined, () => ++count > 0)
    return count
  })

describe("Interpreter", () => {
  it.effect("reads on until it has all it needs, though the cache holds next to nothing", () =>
    Effect.gen(function* () {
      const { calls, session } = yield* open(512)
      // The root folder is one more.
      assert.strictEqual(yield* countItems(session), ITEMS + 1)
      assert.isAbove(calls.reads, 50)
      assert.strictEqual(session.pins.size, 0, "the root is let go")
      assert.isAtMost(session.cache.statistics.bytes, 512)
    })
  )

  it.effect("does not read again what a recovery has verified", () =>
    Effect.gen(function* () {
      const { calls, session } = yield* recovered(1 << 20)
      assert.strictEqual(yield* countItems(session), ITEMS + 1)
      assert.strictEqual(calls.reads, 0, "the newest commit wrote it all")
    })
  )

  it.effect("reads nothing twice where the cache holds it all", () =>
    Effect.gen(function* () {
      const { calls, session } = yield* open(1 << 20)
      yield* countItems(session)
      const { reads } = calls
      yield* countItems(session)
      assert.strictEqual(calls.reads, reads)
    })
  )

  it.effect("loads pages that are asked for together in one call, each once", () =>
    Effect.gen(function* () {
      const { calls, session } = yield* open(1 << 20)
      const pages = yield* Interpreter.readRoot(session, session.head, (source, { names }) => {
        const { layout } = source
        const root = source.node(names.link, 0, Node.TREE, names.level)
        const missing: Array<Pointer.Pointer> = []
        const found: Array<Uint8Array> = []
        for (let slot = 0; slot < Node.count(root); slot++) {
          const at = 16 + slot * 2
          const cell = root[at] | (root[at + 1] << 8)
          for (let twice = 0; twice < 2; twice++) {
            const page = source.peek(root, cell + 2, Node.TREE, names.level - 1, missing)
            if (page !== undefined) found.push(page)
          }
        }
        assert.isAbove(layout.pageBytes, 0)
        if (missing.length > 0) throw new MissingPages(missing)
        return found.length / 2
      })
      assert.isAbove(pages, 2)
      assert.strictEqual(calls.reads, 2)
      assert.strictEqual(session.counters.pagesRead, pages + 1)
    })
  )

  it.effect("undoes an attempt that missed, and one that failed as expected", () =>
    Effect.gen(function* () {
      const { session } = yield* open(512)
      const { draft, pinned } = draftOf(session)
      const { roots } = draft
      let attempts = 0
      const refused = yield* Interpreter.edit(session, pinned, draft, () => {
        attempts++
        draft.roots = { ...draft.roots, names: BTree.put(draft, draft.roots.names, keyOf(7), new Uint8Array(3)) }
        draft.roots = { ...draft.roots, names: BTree.remove(draft, draft.roots.names, keyOf(300)) }
        return Result.fail("no")
      })
      assert.isTrue(Result.isFailure(refused))
      assert.isAbove(attempts, 3)
      assert.strictEqual(draft.roots, roots)
      assert.strictEqual(draft.dirtyBytes, 0)
      assert.deepStrictEqual(draft.dead, [])
      const done = yield* Interpreter.edit(session, pinned, draft, () => {
        draft.roots = { ...draft.roots, names: BTree.put(draft, draft.roots.names, keyOf(7), new Uint8Array(3)) }
        return Result.succeed(5)
      })
      assert.deepStrictEqual(done, Result.succeed(5))
      assert.isAbove(draft.dirtyBytes, 0)
    })
  )

  it.effect("undoes an attempt that died, and passes the defect on", () =>
    Effect.gen(function* () {
      const { session } = yield* open(1 << 20)
      const { draft, pinned } = draftOf(session)
      const exit = yield* Effect.exit(
        Interpreter.edit(session, pinned, draft, () => {
          draft.roots = { ...draft.roots, names: BTree.put(draft, draft.roots.names, keyOf(7), new Uint8Array(3)) }
          throw new InvariantViolation("on purpose")
        })
      )
      assert.isTrue(Exit.hasDies(exit))
      assert.strictEqual(draft.dirtyBytes, 0)
      assert.isUndefined(session.poison)
    })
  )

  it.effect("poisons the session where a sealed operation dies: its draft cannot be trusted", () =>
    Effect.gen(function* () {
      const { session } = yield* open(1 << 20)
      const { draft, pinned } = draftOf(session)
      yield* Effect.exit(
        Interpreter.edit(session, pinned, draft, () => {
          draft.seal()
          throw new InvariantViolation("on purpose")
        })
      )
      assert.isDefined(session.poison)
    })
  )

  it.effect("tells a page that does not verify, and one that makes no sense, by its place", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open(512)
      const { layout } = session.binding
      const { names } = session.head.root.record.roots
      const address = Pointer.address(layout, names.link, 0)
      const bytes = new Uint8Array(512)
      yield* device.read([{ offset: address * 512, bytes }])
      bytes[70] ^= 1
      yield* device.write([{ offset: address * 512, bytes }])
      const rotten = yield* Effect.flip(countItems(session))
      assert.deepInclude({ ...rotten.reason }, { _tag: "Corrupt", address })
      assert.strictEqual(session.pins.size, 0)
      const senseless = yield* Effect.flip(
        Interpreter.readRoot(session, session.head, () => {
          throw new CorruptPage(17, "it makes no sense")
        })
      )
      assert.deepInclude({ ...senseless.reason }, { _tag: "Corrupt", address: 17 })
    })
  )

  it.effect("reads no page beyond the end of the volume", () =>
    Effect.gen(function* () {
      const { calls, session } = yield* open(512)
      const pointer = { address: 999, pageCount: 2, birth: 1, checksum: new Uint8Array(8), kind: Node.DATA, level: 0 }
      const error = yield* Effect.flip(Interpreter.load(session, [pointer]))
      assert.deepInclude({ ...error.reason }, { _tag: "Corrupt", address: 999 })
      assert.strictEqual(calls.reads, 0)
    })
  )
})
