/**
 * What a document links to is there: the file, and in a document the heading.
 */
import { access, readdir, readFile } from "node:fs/promises"
import { dirname, join, relative } from "node:path"
import { assert, describe, it } from "vitest"

const root = join(import.meta.dirname, "../..")

const documents = [
  ...(await readdir(root)).filter((name) => name.endsWith(".md")),
  ...(await readdir(join(root, "docs"), { recursive: true }))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name))
]

/** The anchor that a heading has where Markdown is shown. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-")

const anchorsOf = (text: string): ReadonlySet<string> =>
  new Set([...text.replaceAll(/^```[^]*?^```$/gm, "").matchAll(/^#+ (.*)$/gm)].map((match) => anchorOf(match[1])))

const linksOf = (text: string): ReadonlyArray<string> =>
  [...text.replaceAll(/^```[^]*?^```$/gm, "").matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1])
    .filter((link) => !/^[a-z]+:/.test(link))

/** The links of a document that lead nowhere. */
const broken = async (path: string, text: string): Promise<ReadonlyArray<string>> => {
  const found: Array<string> = []
  for (const link of linksOf(text)) {
    const [file, anchor] = link.split("#")
    const target = file === "" ? join(root, path) : join(root, dirname(path), file)
    const isThere = await access(target).then(
      () => true,
      () => false
    )
    const isHeading =
      isThere && (anchor === undefined || anchorsOf(file === "" ? text : await readFile(target, "utf8")).has(anchor))
    if (!isHeading || relative(root, target).startsWith("..")) found.push(`${path}: ${link}`)
  }
  return found
}

describe("the links of the documents", () => {
  it("lead to what is there", async () => {
    assert.isAbove(documents.length, 20)
    const all = await Promise.all(documents.map(async (path) => broken(path, await readFile(join(root, path), "utf8"))))
    assert.deepStrictEqual(all.flat(), [])
  })

  it("are seen when they do not", async () => {
    const text =
      "[a](docs/FORMAT.md) [b](docs/NONE.md) [c](#here) [d](#gone) [e](../x) [f](https://example.com)\n# Here\n"
    assert.deepStrictEqual(await broken("README.md", text), [
      "README.md: docs/NONE.md",
      "README.md: #gone",
      "README.md: ../x"
    ])
  })
})
