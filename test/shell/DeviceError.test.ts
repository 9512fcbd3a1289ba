import { assert, describe, it } from "vitest"
import { DeviceFailed, fromSystem, Locked } from "../../src/shell/DeviceError.ts"
import * as SystemCalls from "./SystemCalls.ts"

describe("DeviceFailed", () => {
  it("says what happened, where, and what to do", () => {
    const cause = SystemCalls.systemError("EIO", "i/o error", "read '/images/a'")
    const failure = fromSystem("/images/a", "read", 4096, cause)
    assert.strictEqual(
      failure.message,
      "Reading /images/a failed at byte 4096: i/o error (EIO). The medium may be failing: copy what can be read."
    )
    assert.strictEqual(failure.cause, cause)
    assert.strictEqual(failure._tag, "DeviceFailed")
  })

  it("takes the code, the call and the path out of what Node says", () => {
    const said = (text: string, code = "EACCES") =>
      fromSystem("d", "open", undefined, Object.assign(new Error(text), { code })).reason
    assert.strictEqual(said("EACCES: permission denied, open '/a, b/c'"), "permission denied")
    assert.strictEqual(said("EACCES: permission denied, rename '/a' -> '/b'"), "permission denied")
    assert.strictEqual(said("EACCES: permission denied, fsync"), "permission denied")
    assert.strictEqual(said("something else"), "something else")
    assert.strictEqual(fromSystem("d", "open", undefined, "a text").reason, "a text")
    assert.strictEqual(fromSystem("d", "open", undefined, new Error("no code")).code, undefined)
  })

  it("has advice for what people can do something about", () => {
    const message = (operation: DeviceFailed["operation"], code: string) =>
      new DeviceFailed({ device: "d", operation, offset: undefined, code, reason: "it failed", cause: undefined })
        .message
    const advised = [
      message("write", "ENOSPC"),
      message("write", "EDQUOT"),
      message("write", "EIO"),
      message("open", "ENOENT"),
      message("open", "EACCES"),
      message("lock", "EPERM"),
      message("lock", "EROFS"),
      message("write", "EROFS"),
      message("open", "EMFILE")
    ]
    for (const text of advised) assert.match(text, /^[A-Z][a-z ]+ d failed: it failed \(E[A-Z]+\)\. [A-Z].*\.$/)
    assert.strictEqual(message("sync", "EWHATEVER"), "Syncing d failed: it failed (EWHATEVER).")
  })
})

describe("Locked", () => {
  it("names the holder, where it is known", () => {
    const holder = { processId: 17, host: "box", since: 0 }
    assert.strictEqual(
      new Locked({ path: "/a.lock", holder, reason: "wait" }).message,
      "/a.lock is held by process 17 on box since 1970-01-01T00:00:00.000Z: wait."
    )
    assert.include(new Locked({ path: "/a.lock", holder: undefined, reason: "wait" }).message, "somebody unknown")
  })
})
