import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import * as readline from "node:readline"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { DeviceFailed, Locked } from "../../src/shell/DeviceError.ts"
import * as FileDevice from "../../src/shell/FileDevice.ts"
import * as FileLock from "../../src/shell/FileLock.ts"
import * as SystemCalls from "./SystemCalls.ts"
import * as TemporaryFolder from "./TemporaryFolder.ts"

const image = Effect.map(TemporaryFolder.make, (folder) => {
  const file = path.join(folder, "image")
  fs.writeFileSync(file, "")
  return { folder, file, lock: FileLock.lockPath(file) }
})

const linux = process.platform === "linux"

/** The number of a process that has ended. */
const deadProcess = (): number => childProcess.spawnSync(process.execPath, ["--version"]).pid

/** A well-formed nonce that no real claim has. */
const nonce = "0123456789abcdef"

const plant = (lock: string, changes: Partial<FileLock.Claim>, as: "link" | "file" = "link"): void => {
  const claim = JSON.stringify({ ...FileLock.claim(0), nonce, ...changes })
  if (as === "link") fs.symlinkSync(claim, lock)
  else fs.writeFileSync(lock, claim)
}

/** What a lock file says, which is a link that leads nowhere, or a file. */
const claimIn = (lock: string): FileLock.Claim =>
  JSON.parse(fs.lstatSync(lock).isSymbolicLink() ? fs.readlinkSync(lock) : fs.readFileSync(lock, "utf8"))

/** A file system without symbolic links, until the scope ends; or without hard ones, either. */
const without = (...names: ReadonlyArray<"symlinkSync" | "linkSync">) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const refuse = () => {
        throw SystemCalls.systemError("EPERM", "operation not permitted", "link")
      }
      return SystemCalls.replace(Object.fromEntries(names.map((name) => [name, refuse])))
    }),
    (restore) => Effect.sync(restore)
  )

const isTaken = (file: string) =>
  Effect.scoped(FileLock.acquire(file)).pipe(
    Effect.as(true),
    Effect.catchTag("Locked", () => Effect.succeed(false))
  )

/** A process that does as `LockHolder.ts` says. */
const holder = Effect.acquireRelease(
  Effect.sync(() => {
    const script = fileURLToPath(new URL("./LockHolder.ts", import.meta.url))
    const child = childProcess.spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "inherit"] })
    const answers = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const exited = new Promise((resolve) => child.once("exit", resolve))
    return {
      child,
      tell: (command: string): Promise<string> => {
        child.stdin.write(`${command}\n`)
        return answers.next().then((answer) => String(answer.value))
      },
      kill: () => {
        child.kill("SIGKILL")
        return exited
      }
    }
  }),
  (running) => Effect.promise(() => running.kill())
)

describe("FileLock", () => {
  it.effect("is held until the scope ends, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const { file, folder, lock } = yield* image
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* FileLock.acquire(file)
          assert.deepStrictEqual(fs.readdirSync(folder).sort(), ["image", "image.lock"])
          const failure = yield* Effect.flip(FileLock.acquire(file))
          assert.instanceOf(failure, Locked)
          assert.strictEqual((failure as Locked).path, lock)
          assert.strictEqual((failure as Locked).holder?.processId, process.pid)
          assert.include(failure.message, `process ${process.pid} on `)
          assert.include(failure.message, "this process has it open already")
        })
      )
      assert.deepStrictEqual(fs.readdirSync(folder), ["image"])
      assert.isTrue(yield* isTaken(file))
    })
  )

  for (const [name, missing] of Object.entries({
    "without symbolic links": ["symlinkSync"],
    "without any links": ["symlinkSync", "linkSync"]
  } as const)) {
    it.effect(`is a file on a file system ${name}`, () =>
      Effect.gen(function* () {
        const { file, folder, lock } = yield* image
        yield* without(...missing)
        for (const stale of [false, true]) {
          if (stale) plant(lock, { processId: deadProcess(), processStart: "1" }, "file")
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* FileLock.acquire(file)
              assert.isTrue(fs.lstatSync(lock).isFile())
              assert.deepStrictEqual(fs.readdirSync(folder).sort(), ["image", "image.lock"])
              assert.include((yield* Effect.flip(FileLock.acquire(file))).message, "this process has it open already")
            })
          )
          assert.deepStrictEqual(fs.readdirSync(folder), ["image"])
        }
      })
    )
  }

  it.effect("makes nothing of a link that is no claim", () =>
    Effect.gen(function* () {
      const { file, lock } = yield* image
      fs.symlinkSync("image", lock)
      const failure = yield* Effect.flip(FileLock.acquire(file))
      assert.include(failure.message, "the lock file makes no sense")
      assert.strictEqual(fs.readlinkSync(lock), "image")
    })
  )

  it.effect("is one lock, whatever name the file is opened by", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* image
      const link = path.join(folder, "link")
      fs.symlinkSync("image", link)
      yield* FileLock.acquire(link)
      assert.isFalse(yield* isTaken(file))
    })
  )

  it.effect("guards a file that does not exist yet", () =>
    Effect.gen(function* () {
      const { folder } = yield* image
      const file = path.join(folder, "new")
      yield* FileDevice.make({ path: file, size: 4096 })
      const failure = yield* Effect.flip(FileDevice.make({ path: file, size: 4096 }))
      assert.strictEqual(failure._tag, "Locked")
      yield* FileDevice.make({ path: file, readOnly: true })
    })
  )

  it.effect("is given back at once where opening fails", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* image
      const failure = yield* Effect.flip(FileDevice.make({ path: file, sectorBytes: 100 }))
      assert.strictEqual(failure._tag, "DeviceFailed")
      assert.deepStrictEqual(fs.readdirSync(folder), ["image"])
    })
  )

  const breakable: Record<string, () => Partial<FileLock.Claim>> = {
    "of a process that has ended": () => ({ processId: deadProcess(), processStart: "1" }),
    ...(linux && {
      "of a process whose number another one has now": () => ({ processId: process.ppid, processStart: "1" }),
      "of this process's number before it began": () => ({ processStart: "1" }),
      "from before the machine started": () => ({ boot: "00000000-0000-0000-0000-000000000000" }),
      "from before the machine started, in another container": () => ({
        boot: "00000000-0000-0000-0000-000000000000",
        processSpace: "pid:[1]"
      })
    })
  }
  for (const [name, changes] of Object.entries(breakable)) {
    it.effect(`breaks a claim ${name}`, () =>
      Effect.gen(function* () {
        const { file, folder, lock } = yield* image
        for (const form of ["link", "file"] as const) {
          plant(lock, changes(), form)
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* FileLock.acquire(file)
              assert.strictEqual(claimIn(lock).processId, process.pid)
              assert.notStrictEqual(claimIn(lock).nonce, nonce)
              assert.deepStrictEqual(fs.readdirSync(folder).sort(), ["image", "image.lock"])
            })
          )
          assert.deepStrictEqual(fs.readdirSync(folder), ["image"])
        }
      })
    )
  }

  const holding: Record<string, [() => Partial<FileLock.Claim>, string]> = {
    "of a process that runs": [
      () => ({ processId: process.ppid, processStart: linux ? processStart(process.ppid) : "" }),
      "that process is running"
    ],
    "from another machine": [() => ({ host: "elsewhere", processId: deadProcess() }), "remove the lock file"],
    "from another machine of the same name": [
      () => ({ machine: "elsewhere", boot: "other", processId: deadProcess() }),
      "remove the lock file"
    ],
    "from another container": [
      () => ({ processSpace: "pid:[1]", processId: deadProcess() }),
      "cannot be seen from this machine or container"
    ]
  }
  for (const [name, [changes, words]] of Object.entries(holding)) {
    it.effect(`leaves a claim ${name}`, () =>
      Effect.gen(function* () {
        const { file, folder, lock } = yield* image
        for (const form of ["link", "file"] as const) {
          plant(lock, changes(), form)
          const before = claimIn(lock)
          const failure = yield* Effect.flip(FileLock.acquire(file))
          assert.instanceOf(failure, Locked)
          assert.include(failure.message, words)
          assert.deepStrictEqual(claimIn(lock), before)
          assert.deepStrictEqual(fs.readdirSync(folder).sort(), ["image", "image.lock"])
          fs.unlinkSync(lock)
        }
      })
    )
  }

  for (const [name, content] of Object.entries({
    nothing: "",
    garbage: "\0\0{",
    "no object": "null",
    "a nonce that is a path": JSON.stringify({ ...FileLock.claim(0), nonce: "../../../etc/passwd" }),
    "a group of processes": JSON.stringify({ ...FileLock.claim(0), processId: -1 }),
    "a date beyond time": JSON.stringify({ ...FileLock.claim(0), since: 1e300 })
  })) {
    it.effect(`leaves a lock file that holds ${name}`, () =>
      Effect.gen(function* () {
        const { file, lock } = yield* image
        fs.writeFileSync(lock, content)
        const failure = yield* Effect.flip(FileLock.acquire(file))
        assert.instanceOf(failure, Locked)
        assert.isUndefined((failure as Locked).holder)
        assert.include(failure.message, "remove the lock file")
        assert.strictEqual(fs.readFileSync(lock, "utf8"), content)
      })
    )
  }

  it.effect("breaks a claim whose breaker has died while it did so", () =>
    Effect.gen(function* () {
      const { file, folder, lock } = yield* image
      const dead = { processId: deadProcess(), processStart: "1" }
      plant(lock, dead)
      plant(`${lock}.${nonce}.break`, { ...dead, nonce: "fedcba9876543210" })
      assert.isTrue(yield* isTaken(file))
      assert.deepStrictEqual(fs.readdirSync(folder), ["image"])
    })
  )

  it.effect("leaves a claim to the one that breaks it", () =>
    Effect.gen(function* () {
      const { file, lock } = yield* image
      plant(lock, { processId: deadProcess(), processStart: "1" })
      plant(`${lock}.${nonce}.break`, {
        processId: process.ppid,
        processStart: linux ? processStart(process.ppid) : ""
      })
      assert.isFalse(yield* isTaken(file))
    })
  )

  it.effect("does not give back what somebody else has taken", () =>
    Effect.gen(function* () {
      const { file, lock } = yield* image
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* FileLock.acquire(file)
          fs.unlinkSync(lock)
          plant(lock, { host: "elsewhere" })
        })
      )
      assert.strictEqual(claimIn(lock).host, "elsewhere")
    })
  )

  it.effect("says where it cannot be taken", () =>
    Effect.gen(function* () {
      const { folder } = yield* image
      const failure = yield* Effect.flip(FileLock.acquire(path.join(folder, "absent", "image")))
      assert.instanceOf(failure, DeviceFailed)
      assert.strictEqual((failure as DeviceFailed).operation, "lock")
      assert.strictEqual((failure as DeviceFailed).code, "ENOENT")
    })
  )

  it.effect("is held by another process, and broken when that was killed", () =>
    Effect.gen(function* () {
      const { file } = yield* image
      const other = yield* holder
      assert.strictEqual(yield* Effect.promise(() => other.tell(`take ${file}`)), "taken")
      const failure = yield* Effect.flip(FileLock.acquire(file))
      assert.include(failure.message, `process ${other.child.pid} on `)
      assert.include(failure.message, "that process is running")
      yield* Effect.promise(() => other.kill())
      assert.isTrue(yield* isTaken(file))
    })
  )

  it.effect("goes to exactly one of several processes that race for it, stale or free", () =>
    Effect.gen(function* () {
      const { file, folder, lock } = yield* image
      const others = yield* Effect.all([holder, holder, holder, holder])
      const processId = deadProcess()
      for (let round = 0; round < 60; round++) {
        if (round % 3 !== 0) plant(lock, { processId, processStart: "1" })
        const answers = yield* Effect.promise(() => Promise.all(others.map((other) => other.tell(`take ${file}`))))
        const taken = answers.filter((answer) => answer === "taken")
        assert.strictEqual(taken.length, 1, `round ${round}: ${answers.join("; ")}`)
        for (const answer of answers) assert.match(answer, /^(taken|Locked .*image\.lock.* is held by )/)
        yield* Effect.promise(() => others[answers.indexOf("taken")].tell("give"))
        assert.deepStrictEqual(fs.readdirSync(folder), ["image"], `round ${round}`)
      }
    })
  )
})

const processStart = (processId: number): string => {
  const text = fs.readFileSync(`/proc/${processId}/stat`, "utf8")
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19]
}
