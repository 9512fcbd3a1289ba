/**
 * A repository on a volume, made by a library that takes an `fs`. As a process: `PATH CALL` does it on the volume in that file and is
 * killed before the device's call of that number (none if it is below zero); it prints how many calls there were.
 */
import { fileURLToPath } from "node:url"
import { Effect, Layer } from "effect"
import * as git from "isomorphic-git"
import { BlockDevice } from "../../src/index.ts"
import { FileDevice } from "../../src/node.ts"
import { type OpenVolume, openVolume } from "../../src/node-fs.ts"

export const dir = "/repository"
const MIB = 1024 * 1024
const author = { name: "Nobody", email: "nobody@example.com", timestamp: 1_700_000_000, timezoneOffset: 0 }

/** Inits, commits, branches, merges, checks out, packs. */
export const work = async ({ fs }: Pick<OpenVolume, "fs">, commitCount: number): Promise<void> => {
  const repository = { fs, dir }
  const commitFile = async (filepath: string, text: string, message: string): Promise<string> => {
    await fs.mkdir(`${dir}/${filepath}`.replace(/\/[^/]*$/, ""), { recursive: true })
    await fs.writeFile(`${dir}/${filepath}`, text)
    await git.add({ ...repository, filepath })
    return git.commit({ ...repository, message, author })
  }
  await fs.mkdir(dir)
  await git.init({ ...repository, defaultBranch: "main" })
  const commits: Array<string> = []
  for (let i = 0; i < commitCount; i++) {
    commits.push(await commitFile(`folder-${i % 7}/file-${i % 31}`, `text ${i}\n`.repeat(1 + (i % 50)), `commit ${i}`))
  }
  await git.branch({ ...repository, ref: "side", checkout: true })
  await commitFile("side/only", "beside\n", "beside")
  await git.checkout({ ...repository, ref: "main" })
  await commitFile("main-only", "before\n", "before")
  await git.merge({ ...repository, ours: "main", theirs: "side", author, committer: author })
  await git.checkout({ ...repository, ref: "side" })
  await git.checkout({ ...repository, ref: "main" })
  const { filename } = await git.packObjects({ ...repository, oids: commits, write: true })
  await git.indexPack({ ...repository, filepath: `.git/objects/pack/${filename}` })
}

/** The device of a file whose process is killed before one of its calls. */
const killing = (path: string, call: number, count: () => number) =>
  Layer.effect(
    BlockDevice,
    Effect.map(FileDevice.make({ path, size: 64 * MIB, lock: false }), (device) => {
      const counted = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
        Effect.suspend(() => {
          if (count() === call) process.kill(process.pid, "SIGKILL")
          return effect
        })
      return { ...device, write: (ranges) => counted(device.write(ranges)), sync: counted(device.sync) }
    })
  )

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , path, call, commits] = process.argv
  let calls = 0
  const volume = await openVolume({ device: killing(path, Number(call), () => calls++) })
  await work(volume, Number(commits))
  await volume.close()
  console.log(calls)
}
