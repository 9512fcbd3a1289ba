/**
 * Writes docs/api: `npm run docs:api`. typedoc needs the compiler of TypeScript 6 at most, so the declaration files are read here.
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { Library } from "./Declarations.ts"
import * as Reference from "./Reference.ts"

const root = path.resolve(import.meta.dirname, "../..")
const target = path.join(root, "docs/api")

/** Has the declaration files made in a folder, and the reference of them. */
export const fromSources = (folder: string): Reference.Reference => {
  const args = ["-p", "tsconfig.build.json", "--emitDeclarationOnly", "--declarationMap", "false", "--outDir", folder]
  execFileSync(path.join(root, "node_modules/.bin/tsc"), args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] })
  const { exports }: { readonly exports: Record<string, string> } = JSON.parse(
    fs.readFileSync(path.join(root, "package.json"), "utf8")
  )
  return Reference.make(
    new Library(folder, path.join(root, "src")),
    Object.entries(exports)
      .filter(([, file]) => file.endsWith(".js"))
      .map(([door, file]) => ({
        name: path.posix.join("notafs", door),
        file: path.join(folder, path.relative("dist", file).replace(/\.js$/, ".d.ts"))
      }))
  )
}

if (import.meta.filename === process.argv[1]) {
  const folder = path.join(root, "reports/declarations")
  const { pages, undocumented } = fromSources(folder)
  fs.rmSync(folder, { recursive: true, force: true })
  fs.rmSync(target, { recursive: true, force: true })
  fs.mkdirSync(target, { recursive: true })
  for (const [name, text] of pages) fs.writeFileSync(path.join(target, name), text)
  for (const name of undocumented) console.error(`${name} has no comment`)
  if (undocumented.length > 0) process.exitCode = 1
}
