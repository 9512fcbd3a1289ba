/**
 * What a declaration file says: its statements, as `tsc` writes them.
 *
 * - A statement begins at the beginning of a line, and everything that belongs to it is indented or closes a bracket.
 * - A comment is about the statement that follows it. The one that is about the file is taken from its source: `tsc` drops it where it
 *   drops the first import.
 */
import * as fs from "node:fs"
import * as path from "node:path"

/** One declaration of a name; overloads, or a type and a value of one name, are several. */
export interface Declaration {
  readonly name: string
  /** The text of its comment, without the signs around it. */
  readonly doc: string
  readonly code: string
}

/** Where a name of a module comes from: from itself, from another module by the same or another name, or all of that. */
type Origin = { readonly module: string; readonly name: string | "*" }

export interface Module {
  readonly path: string
  readonly doc: string
  readonly declarations: ReadonlyMap<string, ReadonlyArray<Declaration>>
  /** Names for others, in the order of the file. */
  readonly exports: ReadonlyMap<string, Origin>
  readonly imports: ReadonlyMap<string, Origin>
}

/** What an exported name turns out to be. */
export type Found =
  | { readonly _tag: "Namespace"; readonly module: Module }
  | { readonly _tag: "Declarations"; readonly module: Module; readonly declarations: ReadonlyArray<Declaration> }

const BEGINS = /^(?:\/\*\*|\/\/|import\b|export\b|declare\b|type\b|interface\b)/
const DECLARES =
  /^(?:export )?(?:declare )?(?:abstract )?(?:const|let|class|function\*?|interface|type|enum|namespace) ([\w$]+)/
const FROM = /^(?:import|export) (?:type )?(.*?) from "(\.[^"]*)";$/s

/** The statements of a file, each with the comment before it. */
const statementsOf = (text: string): ReadonlyArray<{ readonly doc: string; readonly code: string }> => {
  const pieces: Array<string> = []
  for (const line of text.split("\n")) {
    const last = pieces.at(-1)
    const isInComment = last?.startsWith("/**") === true && !last.trimEnd().endsWith("*/")
    if (last === undefined || (!isInComment && BEGINS.test(line))) pieces.push(line)
    else {
      // A comment that no statement follows stands within the statement before it.
      const isWithin = !isInComment && last.startsWith("/**") && line.trim() !== "" && pieces.length > 1
      const whole = isWithin ? pieces.splice(-2).join("\n") : pieces.pop()
      pieces.push(`${whole}\n${line}`)
    }
  }
  const statements: Array<{ doc: string; code: string }> = []
  let doc = ""
  for (const piece of pieces.map((text) => text.trimEnd())) {
    if (piece.startsWith("/**")) doc = docOf(piece)
    else if (piece !== "" && !piece.startsWith("//")) {
      statements.push({ doc, code: piece })
      doc = ""
    }
  }
  return statements
}

const docOf = (comment: string): string =>
  comment
    .replace(/^\/\*\*/, "")
    .replace(/\*\/$/, "")
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trimEnd())
    .join("\n")
    .trim()

/** `{ a, type b as c }`, `* as d` or `*`: pairs of the name here and the name there. */
const namesOf = (clause: string): ReadonlyArray<readonly [string, string]> => {
  const namespace = /^\*(?: as ([\w$]+))?$/.exec(clause.trim())
  if (namespace !== null) return [[namespace[1] ?? "*", "*"]]
  return clause
    .replaceAll(/[{}]/g, "")
    .split(",")
    .flatMap((part) => {
      const match = /^(?:type )?([\w$]+)(?: as ([\w$]+))?$/.exec(part.trim())
      return match === null ? [] : [[match[2] ?? match[1], match[1]] as const]
    })
}

const withoutLinks = (text: string): string => text.replaceAll(/\{@link (\w+)\}/g, "`$1`")

/** The comment that a source begins with. */
export const headerOf = (source: string): string => withoutLinks(docOf(/^\/\*\*[^]*?\*\//.exec(source)?.[0] ?? ""))

/** Takes the text of a declaration file apart, whose source begins with a comment. */
export const parse = (file: string, text: string, header: string): Module => {
  const declarations = new Map<string, Array<Declaration>>()
  const exports = new Map<string, Origin>()
  const imports = new Map<string, Origin>()
  for (const { code, doc } of statementsOf(withoutLinks(text))) {
    const from = FROM.exec(code)
    if (from !== null) {
      const module = path.join(path.dirname(file), from[2].replace(/\.ts$/, ".d.ts"))
      const names = code.startsWith("import ") ? imports : exports
      for (const [here, there] of namesOf(from[1])) names.set(here, { module, name: there })
      continue
    }
    const local = /^export (?:type )?\{(.*)\};$/s.exec(code)
    if (local !== null) {
      for (const [here, there] of namesOf(local[1])) exports.set(here, { module: file, name: there })
      continue
    }
    const name = DECLARES.exec(code)?.[1]
    if (name === undefined) continue
    const before = declarations.get(name) ?? []
    declarations.set(name, [...before, { name, doc, code: code.replace(/^export /, "").replace(/^declare /, "") }])
    if (code.startsWith("export ")) exports.set(name, { module: file, name })
  }
  return { path: file, doc: header, declarations, exports, imports }
}

/** Reads modules, each once: declaration files in one folder, and their sources in another. */
export class Library {
  readonly #modules = new Map<string, Module>()
  readonly #folder: string
  readonly #sources: string

  constructor(folder: string, sources: string) {
    this.#folder = folder
    this.#sources = sources
  }

  module(file: string): Module {
    const known = this.#modules.get(file)
    if (known !== undefined) return known
    const source = path.join(this.#sources, path.relative(this.#folder, file).replace(/\.d\.ts$/, ".ts"))
    const module = parse(file, fs.readFileSync(file, "utf8"), headerOf(fs.readFileSync(source, "utf8")))
    this.#modules.set(file, module)
    return module
  }

  /** What a module exports by a name. */
  exported(module: Module, name: string): Found {
    const origin = module.exports.get(name)
    if (origin === undefined) throw new Error(`${module.path} does not export ${name}`)
    return this.#at(origin)
  }

  /** What a name means within a module, if that is ours. */
  meant(module: Module, name: string): Found | undefined {
    const declarations = module.declarations.get(name)
    if (declarations !== undefined) return { _tag: "Declarations", module, declarations }
    const origin = module.imports.get(name)
    return origin === undefined ? undefined : this.#at(origin)
  }

  #at({ module: file, name }: Origin): Found {
    const module = this.module(file)
    if (name === "*") return { _tag: "Namespace", module }
    const found = this.meant(module, name)
    return found ?? this.exported(module, name)
  }
}
