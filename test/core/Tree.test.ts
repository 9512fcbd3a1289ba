import { assert, describe, it } from "vitest"
import * as Tree from "../../src/core/Tree.ts"

describe("Tree", () => {
  it("is the same with the same level and the same pointer", () => {
    const tree = { level: 3, link: Uint8Array.of(1, 2, 3) }
    assert.isTrue(Tree.isSame(tree, { level: 3, link: Uint8Array.of(1, 2, 3) }))
    assert.isFalse(Tree.isSame(tree, { level: 2, link: Uint8Array.of(1, 2, 3) }))
    assert.isFalse(Tree.isSame(tree, { level: 3, link: Uint8Array.of(1, 2, 4) }))
  })
})
