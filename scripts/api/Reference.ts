/**
 * The reference of the library: a page for each door, made of the declarations that the door exports and of their comments.
 */
import type { Declaration, Found, Library, Module } from "./Declarations.ts"

/** A door of the package: the name that is imported, and its declaration file. */
export interface Door {
  readonly name: string
  readonly file: string
}

export interface Reference {
  /** The pages, by their names. */
  readonly pages: ReadonlyMap<string, string>
  /** Exported names without a comment. */
  readonly undocumented: ReadonlyArray<string>
}

/** Makes the pages, with one of all names. */
export const make = (library: Library, doors: ReadonlyArray<Door>): Reference => {
  const undocumented: Array<string> = []
  const pages = new Map<string, string>()
  const index: Array<string> = []
  for (const door of doors) {
    const file = `${door.name.replaceAll("/", "-")}.md`
    const page = pageOf(library, door, undocumented)
    pages.set(file, page.text)
    index.push(`## [${door.name}](${file})\n\n${page.doc}\n`, page.names.map((name) => `* ${name}`).join("\n"), "")
  }
  const head =
    "# Reference\n\nWhat the package exports. Made by `npm run docs:api`, from the comments of the sources.\n"
  pages.set("README.md", `${[head, ...index].join("\n").trimEnd()}\n`)
  return { pages, undocumented }
}

// ---- a page

interface Page {
  readonly text: string
  readonly doc: string
  readonly names: ReadonlyArray<string>
}

const pageOf = (library: Library, door: Door, undocumented: Array<string>): Page => {
  const module = library.module(door.file)
  const found = new Map([...module.exports.keys()].map((name) => [name, library.exported(module, name)]))
  const inside = new Map([...found].map(([name, is]) => [name, insideOf(library, name, is)]))
  /** What stands on its own on the page. */
  const own = new Set([...found.values(), ...[...inside.values()].flatMap((all) => [...all.values()])].map(declared))

  const parts = [`# ${door.name}`, module.doc]
  const names: Array<string> = []
  const add = (heading: string, name: string, is: Found): void => {
    const doc = is._tag === "Namespace" ? is.module.doc : docOf(is.declarations)
    if (doc === "") undocumented.push(`${door.name}: ${heading.replace(/^#+ /, "")}`)
    parts.push(heading, doc)
    if (is._tag === "Declarations") parts.push(codeOf(library, is, name))
  }
  for (const [name, is] of found) {
    const all = inside.get(name) ?? new Map<string, Found>()
    const list = [...all.keys()].map((one) => `\`${one}\``).join(", ")
    names.push(list === "" ? `\`${name}\`` : `\`${name}\`: ${list}`)
    add(`## ${name}`, name, is)
    for (const [one, part] of all) add(`### ${name}.${one}`, one, part)
    parts.push(...mentions(library, is._tag === "Namespace" ? [...all.values()] : [is], own))
  }
  return { text: `${parts.filter((part) => part !== "").join("\n\n")}\n`, doc: module.doc, names }
}

/** What a module that is exported as a whole has, by name. */
const insideOf = (library: Library, name: string, found: Found): ReadonlyMap<string, Found> => {
  if (found._tag === "Declarations") return new Map()
  const names = [...found.module.exports.keys()].toSorted(byCodeUnit)
  return new Map(
    names.map((one) => {
      const is = library.exported(found.module, one)
      if (is._tag === "Namespace") throw new Error(`${name}.${one} is a module within a module`)
      return [one, is]
    })
  )
}

const declared = (found: Found): unknown => (found._tag === "Declarations" ? found.declarations : found.module)

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const docOf = (declarations: ReadonlyArray<Declaration>): string =>
  declarations.map(({ doc }) => doc).find((doc) => doc !== "") ?? ""

// ---- code

type Declared = Extract<Found, { readonly _tag: "Declarations" }>

const fence = (code: string): string => `\`\`\`typescript\n${code}\n\`\`\``

const codeOf = (library: Library, { declarations, module }: Declared, name: string): string => {
  const codes = declarations.map((declaration) =>
    // A name may be another one outside.
    based(library, module, declaration.code).replace(
      /^((?:abstract )?(?:const|let|class|function\*?|interface|type|enum) )[\w$]+/,
      `$1${name}`
    )
  )
  return fence(codes.join("\n"))
}

/** A class extends a constant of a long type: that type stands in its place, a tagged error by what it was written as. */
const based = (library: Library, module: Module, code: string): string =>
  code.replaceAll(/\b[\w$]+_base\b/g, (name) => {
    const base = library.meant(module, name)
    if (base?._tag !== "Declarations") return name
    const type = base.declarations[0].code.replace(/^const [\w$]+: /, "").replace(/;$/, "")
    const tag = /YieldableError & \{\s*readonly _tag: ("[^"]+")/.exec(type)
    return tag === null ? type : `Data.TaggedError(${tag[1]})`
  })

/** The words of some code, without comments, strings and names of members; `a.b` is one. */
const wordsOf = (code: string): ReadonlyArray<string> =>
  code
    .replaceAll(/\/\*[^]*?\*\/|"(?:[^"\\]|\\.)*"/g, "")
    .match(/(?<![\w$.])[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)?\b(?!\??:)/g) ?? []

/** What the code extends, or is another name for: of one thing, or of several. */
const followed = (code: string): ReadonlyArray<string> => {
  const alias = /^type [\w$]+ = ([\w$.|\s]+);$/.exec(code)
  return alias === null
    ? [...code.matchAll(/\bextends ([\w$.]+)/g)].map((match) => match[1])
    : alias[1].split("|").map((name) => name.trim())
}

/** What the declarations mention of their own modules, and what they follow elsewhere, unless it stands on its own. */
const mentions = (library: Library, roots: ReadonlyArray<Found>, own: ReadonlySet<unknown>): ReadonlyArray<string> => {
  const seen = new Set<unknown>()
  const parts: Array<string> = []
  const visit = (found: Found): void => {
    if (found._tag === "Namespace") return
    for (const { code } of found.declarations) {
      const far = new Set(followed(code))
      for (const word of wordsOf(code)) {
        const next = word.endsWith("_base") ? undefined : resolve(library, found.module, word)
        if (next === undefined || own.has(next.declarations) || seen.has(next.declarations)) continue
        if (next.module !== found.module && !far.has(word)) continue
        seen.add(next.declarations)
        const doc = docOf(next.declarations)
        parts.push(
          word.includes(".") ? `\`${word}\`. ${doc}`.trim() : doc,
          codeOf(library, next, next.declarations[0].name)
        )
        visit(next)
      }
    }
  }
  for (const root of roots) visit(root)
  return parts.length === 0 ? [] : ["Mentioned here:", ...parts]
}

/** What a word of a module means: `Name`, or `Module.Name`. */
const resolve = (library: Library, module: Module, word: string): Declared | undefined => {
  const [first, second] = word.split(".")
  const found = library.meant(module, first)
  if (found?._tag === "Declarations") return second === undefined ? found : undefined
  if (found === undefined || second === undefined || !found.module.exports.has(second)) return undefined
  const inside = library.exported(found.module, second)
  return inside._tag === "Declarations" ? inside : undefined
}
