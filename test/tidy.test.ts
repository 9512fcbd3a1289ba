/**
 * What oxlint cannot say about the sources. Each rule is shown to see by a fixture that breaks it.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "vitest"

interface Source {
  /** Relative to the root of the project, with forward slashes. */
  readonly path: string
  readonly text: string
}

interface Rule {
  readonly name: string
  readonly applies: (path: string) => boolean
  readonly breaches: (source: Source) => ReadonlyArray<string>
  readonly broken: ReadonlyArray<Source>
  readonly sound: ReadonlyArray<Source>
}

const fileLinesMax = 400

/** The comments become blanks, and lines stay where they are. Strings stay: a forbidden call inside `${}` is a call. */
const withoutComments = (text: string): string =>
  text.replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\/\*[^]*?\*\/|\/\/[^\n]*/g, (token) =>
    token.startsWith("/") ? token.replace(/[^\n]/g, " ") : token
  )

const linesMatching =
  (pattern: RegExp) =>
  (source: Source): ReadonlyArray<string> =>
    withoutComments(source.text)
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${source.path}:${index + 1}: ${line.trim()}`] : []))

const inFolder = (folder: string) => (file: string) => file.startsWith(`${folder}/`)

const inCore = (text: string): Source => ({ path: "src/core/Fixture.ts", text })

const rules: ReadonlyArray<Rule> = [
  {
    // The core throws `MissingPages` through every frame of its own: a `try` could swallow it.
    name: "src/core has no try statement",
    applies: inFolder("src/core"),
    breaches: linesMatching(/\btry\b\s*(?:\{|$)/),
    broken: [
      inCore("const a = () => {\n  try {\n    b()\n  } finally {\n    c()\n  }\n}\n"),
      inCore("try{ b() } catch {}"),
      inCore("try\n{ b() } catch {}"),
      inCore('const u = "http://x"; try { b() } catch {}')
    ],
    sound: [inCore("// A caller may try { again }.\n/* try {\n try { */\nconst entry = { retry: {} }\n")]
  },
  {
    name: "src/core reads no clock",
    applies: inFolder("src/core"),
    breaches: linesMatching(/\bDate\s*\.\s*now\b|\bnew\s+Date\b/),
    broken: [inCore("const now = Date.now()\n"), inCore("const now = new Date()\n"), inCore("const now = Date.now\n")],
    sound: [inCore("// Never Date.now() here.\nconst newDate = 1\n")]
  },
  {
    name: "src/core draws no random number",
    applies: inFolder("src/core"),
    breaches: linesMatching(/\bMath\s*\.\s*random\b/),
    broken: [inCore("const seed = Math.random()\n")],
    sound: [inCore("// Never Math.random() here.\nconst random = 1\n")]
  },
  {
    name: `no file of src is longer than ${fileLinesMax} lines`,
    applies: inFolder("src"),
    breaches: (source) => {
      const lineCount = source.text.replace(/\n$/, "").split("\n").length
      return lineCount > fileLinesMax ? [`${source.path}: ${lineCount} lines`] : []
    },
    broken: [inCore("export {}\n".repeat(fileLinesMax + 1))],
    sound: [inCore("export {}\n".repeat(fileLinesMax))]
  },
  {
    name: "no file is a drawer for leftovers",
    applies: () => true,
    breaches: (source) =>
      source.path.split("/").some((name) => /^(?:utils?|common|helpers?|misc)(?:\.|$)/i.test(name))
        ? [source.path]
        : [],
    broken: ["src/core/Utils.ts", "src/shell/common.ts", "test/helpers.test.ts", "src/misc/Page.ts"].map((file) => ({
      path: file,
      text: ""
    })),
    sound: [{ path: "src/core/CommonPrefix.ts", text: "" }]
  }
]

const root = path.resolve(import.meta.dirname, "..")

const sources: ReadonlyArray<Source> = ["src", "test", "bench", "examples", "scripts"].flatMap((folder) =>
  fs.existsSync(path.join(root, folder))
    ? fs
        .readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
        // What the benchmarks are measured against stands in a folder of theirs.
        .filter((file) => file.endsWith(".ts") && !file.split(path.sep).includes("node_modules"))
        .map((file) => ({
          path: path.posix.join(folder, file.replaceAll("\\", "/")),
          text: fs.readFileSync(path.join(root, folder, file), "utf8")
        }))
    : []
)

describe("tidy", () => {
  it("finds the sources", () => {
    assert.include(
      sources.map((source) => source.path),
      "src/index.ts"
    )
  })

  for (const rule of rules) {
    describe(rule.name, () => {
      it("sees a breach", () => {
        for (const source of rule.broken) {
          assert.isTrue(rule.applies(source.path))
          assert.isNotEmpty(rule.breaches(source), source.text)
        }
        assert.deepStrictEqual(rule.sound.flatMap(rule.breaches), [])
      })

      it("holds", () => {
        assert.deepStrictEqual(sources.filter((source) => rule.applies(source.path)).flatMap(rule.breaches), [])
      })
    })
  }

  it("has every room of the core and the shell in docs/ARCHITECTURE.md", () => {
    const text = fs.readFileSync(path.join(root, "docs/ARCHITECTURE.md"), "utf8")
    const rooms = sources
      .map((source) => source.path)
      .filter((file) => /^src\/(core|shell)\//.test(file))
      .map((file) => path.posix.basename(file, ".ts"))
    assert.isAbove(rooms.length, 50)
    assert.deepStrictEqual(
      rooms.filter((room) => !text.includes(`\`${room}\``)),
      []
    )
  })
})
