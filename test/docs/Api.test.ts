/**
 * docs/api is what the sources say, and they say something of everything that is exported.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { Library } from "../../scripts/api/Declarations.ts"
import { fromSources } from "../../scripts/api/main.ts"
import * as Reference from "../../scripts/api/Reference.ts"

const root = join(import.meta.dirname, "../..")

describe("the reference", () => {
  let folder = ""

  beforeAll(async () => {
    await mkdir(join(root, "reports"), { recursive: true })
    folder = await mkdtemp(join(root, "reports/api-"))
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it("is up to date (if not: npm run docs:api), and nothing in it lacks a comment", async () => {
    const { pages, undocumented } = fromSources(join(folder, "declarations"))
    assert.sameMembers(await readdir(join(root, "docs/api")), [...pages.keys()])
    for (const [name, text] of pages) {
      assert.strictEqual(await readFile(join(root, "docs/api", name), "utf8"), text, name)
    }
    assert.deepStrictEqual(undocumented, [])
  })

  it("takes declarations apart, and sees what has no comment", async () => {
    const files: Record<string, string> = {
      "src/index.ts": "/** The door. */\n",
      "src/Inner.ts": "/** The inside. */\nimport x from 'x'\n",
      "dist/index.d.ts":
        '/** The door. */\nexport * as Inner from "./Inner.ts";\nexport { type Low as High } from "./Inner.ts";\n',
      "dist/Inner.d.ts": `import * as Elsewhere from "elsewhere";
declare const Broken_base: new () => import("effect/Cause").YieldableError & {
    readonly _tag: "Broken";
};
/** An error. */
export declare class Broken extends Broken_base {
}
/**
 * Says how much,
 * in bytes.
 */
export declare const size: (options: Options) => number;
/** Not exported. */
interface Options {
    /** export declare const trap: number; */
    readonly size: number;
}
/** Low. */
export type Low = 
/** The first. */
{
    readonly a: Elsewhere.A;
}
/** The second. */
 | {
    readonly b: 1;
};
export declare const bare: number;
export {};
//# sourceMappingURL=Inner.d.ts.map`
    }
    for (const name of ["src", "dist"]) await mkdir(join(folder, name))
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    const library = new Library(join(folder, "dist"), join(folder, "src"))
    const door = { name: "inner", file: join(folder, "dist/index.d.ts") }
    const { pages, undocumented } = Reference.make(library, [door])
    assert.deepStrictEqual(undocumented, ["inner: Inner.bare"])
    assert.strictEqual(
      pages.get("inner.md"),
      `# inner

The door.

## Inner

The inside.

### Inner.Broken

An error.

~class Broken extends Data.TaggedError("Broken") {
}~

### Inner.Low

Low.

~type Low = 
/** The first. */
{
    readonly a: Elsewhere.A;
}
/** The second. */
 | {
    readonly b: 1;
};~

### Inner.bare

~const bare: number;~

### Inner.size

Says how much,
in bytes.

~const size: (options: Options) => number;~

Mentioned here:

Not exported.

~interface Options {
    /** export declare const trap: number; */
    readonly size: number;
}~

## High

Low.

~type High = 
/** The first. */
{
    readonly a: Elsewhere.A;
}
/** The second. */
 | {
    readonly b: 1;
};~
`.replaceAll(/~([^~]+)~/g, "```typescript\n$1\n```")
    )
  })
})
