/**
 * The package as a user gets it: packed, put into an empty project, type-checked and run by plain `node`, a program for each door.
 *
 * - It is installed without a registry: the tarball is unpacked where `npm install` would put it, and what its package.json names as
 *   dependencies is linked from our own node_modules. What it does not name is not there.
 */
import { execFile } from "node:child_process"
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { afterAll, assert, beforeAll, describe, it } from "vitest"

const run = promisify(execFile)
const root = join(import.meta.dirname, "../..")
const bin = join(root, "node_modules/.bin")

interface Manifest {
  readonly files: ReadonlyArray<string>
  readonly exports: Record<string, string>
  readonly dependencies: Record<string, string>
  readonly peerDependencies: Record<string, string>
}

const effects = `import { Effect, FileSystem, Layer } from "effect"`
const program = `const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  yield* fs.writeFileString("/greeting", "hello")
  return yield* fs.readFileString("/greeting")
})`
const runIt = `const volume = VolumeFileSystem.layer.pipe(Layer.provide(Volume.layer()))
console.log(await Effect.runPromise(Effect.provide(program, Layer.provide(volume, device))))`

/** By the doors, without "./package.json". */
const programs: Record<string, string> = {
  ".": `${effects}
import { MemoryDevice, Volume, VolumeFileSystem } from "notafs"
${program}
const device = MemoryDevice.layer({ size: 16 * 1024 * 1024 })
${runIt}
`,
  "./node": `${effects}
import { Volume, VolumeFileSystem } from "notafs"
import { FileDevice } from "notafs/node"
${program}
const device = FileDevice.layer({ path: "node.notafs", size: 16 * 1024 * 1024 })
${runIt}
`,
  "./node-fs": `import { type OpenVolume, openVolume } from "notafs/node-fs"
const write = async ({ fs, transaction }: OpenVolume): Promise<string> => {
  await transaction(async (inside) => inside.writeFile("/greeting", "hello"))
  return fs.readFile("/greeting", "utf8")
}
await using volume = await openVolume({ path: "node-fs.notafs", size: 16 * 1024 * 1024 })
const greeting: string = await write(volume)
if ((await volume.check({ deep: true })).length > 0) throw new Error("it is damaged")
console.log(greeting)
`,
  "./testing": `${effects}
import { Volume, VolumeFileSystem } from "notafs"
import { SimulatedDevice, SimulatedDisk } from "notafs/testing"
${program}
const disk = new SimulatedDisk.SimulatedDisk({ size: 16 * 1024 * 1024 })
const device = SimulatedDevice.layer(disk)
${runIt}
`
}

describe("the package", () => {
  let folder = ""
  let project = ""
  let manifest: Manifest

  const environment = () => ({ ...process.env, NODE_COMPILE_CACHE: join(folder, "cache") })

  beforeAll(async () => {
    // Not below our own folder: there, Node would find all that we have.
    folder = await mkdtemp(join(tmpdir(), "notafs-package-"))
    manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"))

    // Built and packed in a copy: nobody's dist is touched.
    const copy = join(folder, "copy")
    await mkdir(copy)
    for (const file of ["package.json", ...manifest.files.filter((name) => name !== "dist")]) {
      await cp(join(root, file), join(copy, file), { recursive: true })
    }
    await run(join(bin, "tsc"), ["-p", "tsconfig.build.json", "--outDir", join(copy, "dist")], { cwd: root })
    const pack = ["pack", "--silent", "--ignore-scripts", "--offline", "--pack-destination", folder]
    const { stdout } = await run("npm", pack, { cwd: copy })

    project = join(folder, "project")
    const modules = join(project, "node_modules")
    await mkdir(join(modules, "notafs"), { recursive: true })
    await run("tar", ["-xzf", join(folder, stdout.trim()), "-C", join(modules, "notafs"), "--strip-components=1"])
    const packed: Manifest = JSON.parse(await readFile(join(modules, "notafs/package.json"), "utf8"))
    for (const name of [...Object.keys({ ...packed.dependencies, ...packed.peerDependencies }), "@types/node"]) {
      await mkdir(dirname(join(modules, name)), { recursive: true })
      await symlink(join(root, "node_modules", name), join(modules, name))
    }
    await writeFile(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }))
    for (const [door, code] of Object.entries(programs)) await writeFile(join(project, fileOf(door)), code)
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it("has a program for each of its doors", () => {
    const doors = Object.keys(manifest.exports).filter((door) => door !== "./package.json")
    assert.sameMembers(doors, Object.keys(programs))
  })

  it("has types", async () => {
    const compilerOptions = {
      module: "nodenext",
      target: "es2024",
      lib: ["es2024", "esnext.disposable"],
      types: ["node"],
      strict: true,
      noEmit: true,
      skipLibCheck: true
    }
    await writeFile(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }))
    const { stdout } = await run(join(bin, "tsc"), ["-p", project]).catch((error) => error)
    assert.strictEqual(stdout, "")
  })

  it.each(Object.keys(programs))("runs by %s", async (door) => {
    const { stderr, stdout } = await run(process.execPath, [join(project, fileOf(door))], {
      cwd: project,
      env: environment()
    })
    assert.strictEqual(stderr, "")
    assert.strictEqual(stdout, "hello\n")
  })

  it("brings the tool", async () => {
    const { stdout } = await run(process.execPath, [join(project, "node_modules/notafs/dist/cli/main.js"), "--help"], {
      env: environment()
    })
    assert.include(stdout, "notafs")
  })
})

const fileOf = (door: string): string => `program${door.replaceAll(/\W/g, "-")}.ts`
