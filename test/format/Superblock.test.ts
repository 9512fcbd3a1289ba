import * as Effect from "effect/Effect"
import { assert, describe, it } from "vitest"
import { digestOf, kinds } from "./Checksum.ts"
import { Disk } from "./Disk.ts"
import { openDisk } from "./Opening.ts"
import { makeImage, openImage, runFixed } from "./TestImage.ts"

const format = { pageSize: 512, checksum: "xxh64", size: 65_536 } as const

const blankVolume = (firstId: number): Promise<Uint8Array> =>
  runFixed(
    makeImage(format, () => Effect.void),
    firstId
  ).then(({ image }) => image)

const theirs = (image: Uint8Array): Promise<string> =>
  runFixed(
    openImage(image, () => Effect.succeed("opened")).pipe(
      Effect.catchTag("VolumeError", ({ reason }) => Effect.succeed(reason._tag))
    )
  )

/** Copy one of a volume of a later version, in front of a volume of this one. */
const laterVersion = async (): Promise<Uint8Array> => {
  const image = await blankVolume(0)
  image[8] = 2
  return image
}

/** Two second copies of different volumes, and no first one: what is left of two formats of one device. */
const twoVolumes = async (): Promise<Uint8Array> => {
  const [small, other] = await Promise.all([blankVolume(0), blankVolume(50)])
  const image = new Uint8Array(2 * small.length)
  image.set(small.subarray(512), 512)
  const page = 128
  const copy = other.slice(32_768, 32_768 + 512)
  const view = new DataView(copy.buffer)
  view.setUint32(40, page, true)
  view.setUint32(48, 2 * page, true)
  const place = { address: page, birth: 0, pages: 1, kind: kinds.superblock, level: 0 }
  copy.set(digestOf(1, copy.subarray(16, 32), place, copy.subarray(0, 480)), 480)
  image.set(copy, page * 512)
  return image
}

describe("finding the superblock", () => {
  it("stops at a first copy of a later version", async () => {
    const image = await laterVersion()
    assert.throws(() => openDisk(new Disk(image)), "unsupported")
  })

  it("does not choose between two volumes", async () => {
    const image = await twoVolumes()
    assert.throws(() => openDisk(new Disk(image)), "ambiguous")
  })

  // The file system does neither yet (`find` in src/shell/Opening.ts). Make these two `it` when it does.
  it("stops the file system at a first copy of a later version", async () => {
    assert.strictEqual(await theirs(await laterVersion()), "UnsupportedFormat")
  })

  it("keeps the file system from choosing between two volumes", async () => {
    assert.notStrictEqual(await theirs(await twoVolumes()), "opened")
  })
})
