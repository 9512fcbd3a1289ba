/**
 * The demo: `npm start`, or `npm start FOLDER`.
 *
 * It takes this project's own `node_modules`, or another folder, into a volume in one transaction, kills a second import half-way, and shows that
 * nothing of that one is there and all of the first is. Everything happens in a temporary folder, which is gone at the end.
 */
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { Effect, FileSystem, Layer } from "effect"
import { Volume, VolumeFileSystem } from "../../src/index.ts"
import { FileDevice } from "../../src/node.ts"
import { compare, measure, type Measure } from "./compare.ts"

const project = path.resolve(import.meta.dirname, "../..")
const tool = path.join(project, "src", "cli", "main.ts")
const source = fs.realpathSync(process.argv[2] ?? path.join(project, "node_modules"))

const MIB = 1024 * 1024

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6).toLocaleString("en-US")} MB`
const seconds = (millis: number): string => `${(millis / 1000).toFixed(1)} s`
const files = (count: number): string => `${count.toLocaleString("en-US")} files`

const say = (text: string): void => console.log(text)
const step = (text: string): void => say(`\n${text}`)

/** Nothing goes on without what failed. */
class Failed extends Error {}

/** Folders for temporary files, the usual one first: the image and an export of it have to fit. */
const temporaryFolder = (wanted: number): string => {
  const room = (folder: string): number => {
    const { bavail, bsize } = fs.statfsSync(folder)
    return bavail * bsize
  }
  const found = [os.tmpdir(), project].find((folder) => room(folder) > wanted)
  if (found === undefined) throw new Failed(`The demo takes ${megabytes(wanted)} for a short time: free some space.`)
  return fs.mkdtempSync(path.join(found, "notafs-demo-"))
}

/** Starts the tool as a user would, who sees what it says. */
const start = (folder: string, args: ReadonlyArray<string>): childProcess.ChildProcess => {
  say(`$ notafs ${args.join(" ")}`)
  return childProcess.spawn(process.execPath, [tool, ...args], { cwd: folder, stdio: "inherit" })
}

const ending = (child: childProcess.ChildProcess): Promise<number | NodeJS.Signals | null> =>
  new Promise((resolve) => child.once("exit", (status, signal) => resolve(signal ?? status)))

const notafs = async (folder: string, ...args: ReadonlyArray<string>): Promise<void> => {
  const status = await ending(start(folder, args))
  if (status !== 0) throw new Failed(`notafs ${args[0]} ended with status ${status}.`)
}

/** Bytes that the host keeps for a file: the image is sparse, so this is what was written to it. */
const written = (file: string): number => fs.statSync(file).blocks * 512

/** Kills an import as soon as so many bytes of it are in the image, and answers how many there were. */
const killHalfWay = async (image: string, bytes: number): Promise<number> => {
  const before = written(image)
  const child = start(path.dirname(image), ["import", path.basename(image), source, "@/second"])
  const ended = ending(child)
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null
  while (isRunning() && written(image) - before < bytes) await new Promise((resolve) => setTimeout(resolve, 1))
  child.kill("SIGKILL")
  const end = await ended
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K")
  if (end !== "SIGKILL") throw new Failed("The import was over before it could be killed.")
  return written(image) - before
}

/** What the volume holds, asked through effect's own `FileSystem`. */
const look = (image: string): Promise<{ readonly names: ReadonlyArray<string>; readonly count: number }> => {
  const volume = Volume.layer({ format: "never" }).pipe(Layer.provide(FileDevice.layer({ path: image })))
  const program = Effect.gen(function* () {
    const fileSystem = yield* FileSystem.FileSystem
    const names = yield* fileSystem.readDirectory("/")
    const { length } = yield* fileSystem.readDirectory("/first", { recursive: true })
    return { names, count: length }
  })
  return Effect.runPromise(program.pipe(Effect.provide(VolumeFileSystem.layer.pipe(Layer.provide(volume)))))
}

const demo = async (folder: string, whole: Measure): Promise<void> => {
  const image = path.join(folder, "demo.notafs")
  const name = path.basename(image)
  const size = Math.ceil((whole.byteCount * 2.5 + whole.fileCount * 4096 * 2) / MIB) + 64

  step("1. A volume in a file.")
  await notafs(folder, "format", name, "--size", `${size}MiB`)

  step(`2. ${source} goes in: ${files(whole.fileCount)}, ${megabytes(whole.byteCount)}, one transaction.`)
  const empty = written(image)
  let begin = performance.now()
  await notafs(folder, "import", name, source, "@/first")
  const importMillis = performance.now() - begin
  const importBytes = written(image) - empty
  await notafs(folder, "info", name)

  step("3. The same again, but this time the process is killed (SIGKILL) half-way.")
  const killedAt = await killHalfWay(image, importBytes / 2)
  say(`   killed after it had written ${megabytes(killedAt)} of about ${megabytes(importBytes)}`)

  step("4. The volume is opened again, here by a program and effect's FileSystem.")
  begin = performance.now()
  const { count, names } = await look(image)
  say(`   opened and listed in ${Math.round(performance.now() - begin)} ms: the root holds ${JSON.stringify(names)},`)
  say(`   /first has ${count.toLocaleString("en-US")} entries, and of the second import there is nothing`)
  if (names.length !== 1 || names[0] !== "first") throw new Failed("Something of the killed import is there.")

  step("5. Every page, pointer and checksum is verified.")
  await notafs(folder, "check", name, "--deep")

  step("6. All of it comes out again, and is compared byte for byte.")
  begin = performance.now()
  await notafs(folder, "export", name, "@/first", "out")
  const exportMillis = performance.now() - begin
  const differences = compare(source, path.join(folder, "out"))
  for (const difference of differences.slice(0, 10)) say(`   ${difference}`)
  if (differences.length > 0) throw new Failed(`${differences.length} differences between the folder and its copy.`)
  const { byteCount, fileCount, linkCount } = whole
  say(`   no difference in ${files(fileCount)}, ${linkCount} links, ${megabytes(byteCount)}: contents, modes, targets`)

  step("Nothing acknowledged was lost, nothing half-done was seen.")
  const rate = (millis: number) => `${seconds(millis)} (${megabytes((byteCount / millis) * 1000)}/s)`
  say(`Import ${rate(importMillis)}, export ${rate(exportMillis)}, each with the start of the tool.`)
}

const main = async (): Promise<void> => {
  const begin = performance.now()
  const whole = measure(source)
  const folder = temporaryFolder(whole.byteCount * 3.5)
  const clear = (): void => fs.rmSync(folder, { recursive: true, force: true })
  process.once("SIGINT", () => {
    clear()
    process.exit(130)
  })
  try {
    say(`notafs, in ${folder}`)
    await demo(folder, whole)
  } finally {
    clear()
  }
  say(`The demo took ${seconds(performance.now() - begin)}; its folder is gone.`)
}

try {
  await main()
} catch (error) {
  if (!(error instanceof Failed)) throw error
  console.error(`\nThe demo failed: ${error.message}`)
  process.exitCode = 1
}
