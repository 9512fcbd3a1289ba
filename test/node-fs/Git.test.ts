/**
 * A library that takes an `fs` runs on a volume unchanged: what isomorphic-git makes there, git itself accepts. NOTAFS_GIT_KILLS says
 * how often a process is killed while it makes it.
 */
import * as childProcess from "node:child_process"
import * as nodeFs from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { MemoryDevice } from "../../src/index.ts"
import { type OpenVolume, openVolume } from "../../src/node-fs.ts"
import { Random } from "../../src/testing/Random.ts"
import * as Scale from "../torture/Scale.ts"
import { dir, work } from "./gitWork.ts"

const COMMITS = 200
const COMMITS_KILLED = 12
const kills = Scale.number("GIT_KILLS", 6)

const script = fileURLToPath(new URL("./gitWork.ts", import.meta.url))

const hasGit = childProcess.spawnSync("git", ["--version"]).status === 0

interface Ended {
  readonly status: number | null
  readonly signal: string | null
  readonly out: string
}

const run = async (command: string, args: ReadonlyArray<string>): Promise<Ended> =>
  new Promise((resolve) => {
    const child = childProcess.spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] })
    let out = ""
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()))
    child.stderr.on("data", (chunk: Buffer) => (out += chunk.toString()))
    child.once("close", (status, signal) => resolve({ status, signal, out }))
  })

const inFolder = async (use: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await nodeFs.mkdtemp(join(tmpdir(), "notafs-git-"))
  try {
    await use(folder)
  } finally {
    await nodeFs.rm(folder, { recursive: true, force: true })
  }
}

/** Copies what is under `from` on a volume to a folder of the host. */
const exportTo = async ({ fs }: Pick<OpenVolume, "fs">, from: string, folder: string): Promise<void> => {
  await nodeFs.mkdir(folder, { recursive: true })
  for (const entry of await fs.readdir(from, { withFileTypes: true })) {
    const [source, target] = [`${from}/${entry.name}`, join(folder, entry.name)]
    if (entry.isDirectory()) await exportTo({ fs }, source, target)
    else await nodeFs.writeFile(target, await fs.readFile(source))
  }
}

describe.skipIf(!hasGit)("isomorphic-git on a volume", () => {
  it(
    `commits ${COMMITS} times, branches, merges, checks out and packs, and git finds nothing wrong`,
    async () =>
      inFolder(async (folder) => {
        await using volume = await openVolume({ device: MemoryDevice.layer({ size: 64 * 1024 * 1024 }) })
        await work(volume, COMMITS)
        await exportTo(volume, dir, folder)
        const checked = await run("git", ["-C", folder, "fsck", "--strict", "--full"])
        assert.strictEqual(checked.status, 0, checked.out)
        const log = await run("git", ["-C", folder, "rev-list", "--count", "main"])
        assert.strictEqual(log.out.trim(), String(COMMITS + 3))
        const status = await run("git", ["-C", folder, "status", "--porcelain"])
        assert.strictEqual(status.out, "")
        const packed = await run("git", ["-C", folder, "count-objects", "-v"])
        assert.include(packed.out, `in-pack: ${COMMITS}`)
        assert.deepStrictEqual(await volume.check({ deep: true }), [])
      }),
    120_000
  )

  it(
    `leaves a repository that git accepts when it is killed (${kills} times)`,
    async () =>
      inFolder(async (folder) => {
        const commits = String(COMMITS_KILLED)
        const whole = await run(process.execPath, [script, join(folder, "whole.notafs"), "-1", commits])
        assert.strictEqual(whole.status, 0, whole.out)
        const calls = Number(whole.out)
        assert.isAbove(calls, 100)
        const random = new Random(Scale.seed(1))
        let checkedCount = 0
        for (let kill = 0; kill < kills; kill++) {
          // Across all of the work, and never at the same call.
          const call = Math.floor(((kill + random.below(1000) / 1000) / kills) * calls)
          const path = join(folder, `${kill}.notafs`)
          const killed = await run(process.execPath, [script, path, String(call), commits])
          assert.strictEqual(killed.signal, "SIGKILL", killed.out)
          await using volume = await openVolume({ path, size: 64 * 1024 * 1024 })
          assert.deepStrictEqual(await volume.check({ deep: true }), [])
          const names = await volume.fs.readdir("/")
          // Before the folder there is nothing; before its HEAD there is no repository.
          if (!names.includes("repository")) continue
          const target = join(folder, `exported-${kill}`)
          await exportTo(volume, dir, target)
          const inGit = await volume.fs.readdir(`${dir}/.git`).catch((): Array<string> => [])
          if (!inGit.includes("HEAD")) continue
          const checked = await run("git", ["-C", target, "fsck", "--strict", "--full"])
          checkedCount++
          assert.strictEqual(checked.status, 0, `killed before call ${call} of ${calls}: ${checked.out}`)
        }
        assert.isAtLeast(checkedCount, Math.floor(kills * 0.8), "most of the work is after HEAD is there")
      }),
    300_000
  )
})
