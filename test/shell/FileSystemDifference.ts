/**
 * The same random operations on a volume and on Node's file system: results, error tags and trees are the same.
 *
 * What is meant to differ stands in docs/decisions, and in `isMeant`.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect, FileSystem, Layer, Option, Result } from "effect"
import { MemoryDevice, Volume, VolumeFileSystem } from "../../src/index.ts"
import { type FileOperation, makeDraw, makeRandom, SLOTS, Subject } from "./RandomFileOperations.ts"

const TREE_EVERY = 50
/** Deep enough that no `..` leads out of what is compared. */
const PARENTS = "/p/q/r"

/** A new volume in memory on each build. */
export const onVolume = VolumeFileSystem.layer.pipe(
  Layer.provideMerge(Volume.layer()),
  Layer.provide(MemoryDevice.layer({ size: "64 MiB" }))
)

interface Difference {
  readonly operation: FileOperation
  readonly node: string | undefined
  readonly ours: string | undefined
}

const hasDots = (path: string): boolean => path.endsWith("/") || /\/\.\.?(?:\/|$)/.test(path)
const isLong = (path: string): boolean => path.length > 250

/** Whether an operation is known to differ, as docs/decisions says: then it is not run at all. */
const isMeant = Effect.fnUntraced(function* (ours: Subject, operation: FileOperation) {
  const path = "path" in operation ? operation.path : ""
  const found = yield* Effect.option(ours.fs.stat(ours.root + path))
  const isFolder = Option.isSome(found) && found.value.type === "Directory"
  // Of two faults in two paths, either may be reported.
  if ("to" in operation && (isLong(path) || isLong(operation.to))) return true
  switch (operation._tag) {
    case "copyFile":
      // Node removes the goal when the source turns out to be a folder.
      return isFolder
    case "copy":
      // Where it fails, Node leaves what it has copied until then; and it takes the parent of a path from its text.
      if (Option.isNone(found) && Result.isFailure(yield* Effect.result(ours.fs.lstat(ours.root + operation.to))))
        return true
      return hasDots(operation.to) || (isFolder && (yield* ours.fs.exists(ours.root + operation.to).pipe(orTrue)))
    case "realPath":
      // Node takes `..` from the text, before it follows links.
      return hasDots(path)
    case "remove":
      // Node empties the folder.
      return operation.recursive && hasDots(path)
    case "readDirectory": {
      // Node lists what links to folders lead to.
      if (!operation.recursive || !isFolder) return false
      const below = yield* ours.fs.readDirectory(ours.root + path, { recursive: true })
      const infos = yield* Effect.forEach(below, (name) => ours.fs.lstat(`${ours.root + path}/${name}`))
      return infos.some(({ type }) => type === "SymbolicLink")
    }
    default:
      return false
  }
})

const orTrue = Effect.orElseSucceed(() => true)

export const compare = Effect.fnUntraced(function* (seed: number, operationCount: number, treeEvery = TREE_EVERY) {
  const nodeFs = yield* Effect.provide(FileSystem.FileSystem, NodeFileSystem.layer)
  const volumeFs = yield* FileSystem.FileSystem
  const temporary = yield* nodeFs.makeTempDirectoryScoped()
  yield* nodeFs.makeDirectory(temporary + PARENTS, { recursive: true })
  yield* volumeFs.makeDirectory(PARENTS, { recursive: true })
  const node = new Subject(nodeFs, temporary, PARENTS)
  const ours = new Subject(volumeFs, "", PARENTS)
  const draw = makeDraw(makeRandom(seed))
  const outcomes = new Map<string, number>()
  const differences: Array<Difference> = []
  for (let index = 0; index < operationCount; index++) {
    const operation = draw()
    if (yield* isMeant(ours, operation)) {
      outcomes.set("left out", (outcomes.get("left out") ?? 0) + 1)
      continue
    }
    const difference = { operation, node: yield* node.run(operation), ours: yield* ours.run(operation) }
    const outcome = difference.node?.startsWith("fails: ") === true ? difference.node.split(" ")[1] : "done"
    const key = `${operation._tag} ${outcome}`
    outcomes.set(key, (outcomes.get(key) ?? 0) + 1)
    if (difference.node !== difference.ours) differences.push(difference)
    if (index % treeEvery === 0 || differences.length > 0) {
      const [nodeTree, oursTree] = [yield* node.tree, yield* ours.tree]
      if (nodeTree.join("\n") !== oursTree.join("\n")) {
        differences.push({
          operation,
          node: nodeTree.filter((line) => !oursTree.includes(line)).join("\n"),
          ours: oursTree.filter((line) => !nodeTree.includes(line)).join("\n")
        })
        break
      }
      if (differences.length > 0) break
    }
  }
  for (let slot = 0; slot < SLOTS; slot++) {
    yield* node.close(slot)
    yield* ours.close(slot)
  }
  const volume = yield* Volume.Volume
  const { problems } = yield* volume.check({ deep: true })
  return { differences, outcomes, problems }
})
