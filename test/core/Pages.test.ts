import { assert, describe, it } from "vitest"
import * as Layout from "../../src/core/Layout.ts"
import * as Node from "../../src/core/Node.ts"
import { CleanPages, CorruptPage, demand, MissingPages } from "../../src/core/Pages.ts"
import * as Pointer from "../../src/core/Pointer.ts"

const layout = Layout.make({ pageBytes: 512, addressBytes: 3, checksumBytes: 8, extensionBytes: 0 })
const pointer: Pointer.Pointer = {
  address: 77,
  pageCount: 2,
  birth: 5,
  checksum: new Uint8Array(8).fill(9),
  kind: Node.TREE,
  level: 3
}

/** A pointer in the middle of other bytes. */
const AT = 10
const holder = new Uint8Array(AT + layout.pointerBytes)
Pointer.write(layout, holder, AT, pointer)

const thrown = (run: () => unknown): unknown => {
  try {
    run()
  } catch (what) {
    return what
  }
  return assert.fail("it throws")
}

const make = (node?: Uint8Array) => {
  const asked: Array<ReadonlyArray<number>> = []
  const pages = new CleanPages(layout, {
    find: (...place) => {
      asked.push(place)
      return node
    }
  })
  return { asked, pages }
}

describe("CleanPages", () => {
  it("gives what is loaded", () => {
    const node = new Uint8Array(1024)
    const { asked, pages } = make(node)
    const missing: Array<Pointer.Pointer> = []
    assert.strictEqual(pages.node(holder, AT, Node.TREE, 3), node)
    assert.strictEqual(pages.peek(holder, AT, Node.TREE, 3, missing), node)
    assert.deepStrictEqual(missing, [])
    const place = [77, 5, 2, Node.TREE, 3]
    assert.deepStrictEqual(asked, [place, place])
  })

  it("asks for what is not, one by one or together", () => {
    const { pages } = make()
    const one = thrown(() => pages.node(holder, AT, Node.TREE, 3))
    assert.instanceOf(one, MissingPages)
    assert.deepStrictEqual((one as MissingPages).pointers, [pointer])
    const missing: Array<Pointer.Pointer & { readonly into?: Uint8Array | undefined }> = []
    const into = new Uint8Array(1024)
    assert.isUndefined(pages.peek(holder, AT, Node.TREE, 3, missing, into))
    assert.deepStrictEqual(missing, [{ ...pointer, into }])
    assert.strictEqual(missing[0].into, into)
    const all = thrown(() => demand(missing))
    assert.instanceOf(all, MissingPages)
    assert.strictEqual((all as MissingPages).pointers, missing)
    demand([])
  })

  it("has no nodes in memory", () => {
    const { pages } = make(new Uint8Array(1024))
    const link = Pointer.makeNull(layout)
    Pointer.writeMemory(layout, link, 0, 4, 1)
    const reason = new CorruptPage(undefined, "a pointer names a node in memory")
    assert.deepStrictEqual(
      thrown(() => pages.node(link, 0, Node.TREE, 0)),
      reason
    )
    assert.deepStrictEqual(
      thrown(() => pages.peek(link, 0, Node.TREE, 0, [])),
      reason
    )
  })
})
