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

/** Byte offsets of the copies of a blank volume. */
const copyOffsets = [0, 32_768]

/** Changes a copy, and makes its digest anew by what all versions have in common. */
const rewrite = (image: Uint8Array, offset: number, change: (copy: Uint8Array) => void): void => {
  const copy = image.subarray(offset, offset + 512)
  change(copy)
  const place = { address: offset / 512, birth: 0, pages: 1, kind: kinds.superblock, level: 0 }
  copy.set(digestOf(1, copy.subarray(16, 32), place, copy.subarray(0, 480)), 480)
}

/** Copy one of a volume of a later version, in front of a volume of this one. */
const laterVersion = async (): Promise<Uint8Array> => {
  const image = await blankVolume(0)
  rewrite(image, 0, (copy) => (copy[8] = 2))
  return image
}

/** Both copies of a volume with an algorithm that nobody here knows, and a copy of an earlier volume beside them. */
const laterAlgorithm = async (): Promise<Uint8Array> => {
  const image = await blankVolume(0)
  for (const offset of copyOffsets) image[offset + 32] = 9
  rewrite(image, 16_384, (copy) => {
    copy.set(image.subarray(0, 512))
    copy[32] = 1
    copy[16] ^= 1
    new DataView(copy.buffer, copy.byteOffset).setUint32(40, 32, true)
  })
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
    assert.strictEqual(await theirs(image), "UnsupportedFormat")
  })

  it("stops at two copies of one volume whose digests nobody can compute", async () => {
    const image = await laterAlgorithm()
    assert.throws(() => openDisk(new Disk(image)), "unsupported")
    assert.strictEqual(await theirs(image), "UnsupportedFormat")
    // With one of the two lost, the copy of the earlier volume is all that verifies.
    const one = image.slice()
    one.fill(0, copyOffsets[1], copyOffsets[1] + 512)
    assert.throws(() => openDisk(new Disk(one)))
    assert.strictEqual(await theirs(one), "Corrupt")
  })

  it("takes copy two if a bit of copy one's version or algorithm is flipped", async () => {
    const sound = await blankVolume(0)
    for (const [copy, offset] of copyOffsets.entries()) {
      for (const at of [8, 9, 10, 11, 32]) {
        for (let bit = 0; bit < 8; bit += 1) {
          const image = sound.slice()
          image[offset + at] ^= 1 << bit
          assert.strictEqual(openDisk(new Disk(image)).superblockOffset, copy === 0 ? copyOffsets[1] : 0)
          assert.strictEqual(await theirs(image), "opened", `bit ${bit} of byte ${at}`)
        }
      }
    }
  })

  it("is unsupported by the word of one copy if there is no other", async () => {
    const image = await blankVolume(0)
    image[8] = 2
    image.fill(0, copyOffsets[1], copyOffsets[1] + 512)
    assert.throws(() => openDisk(new Disk(image)), "unsupported")
    assert.strictEqual(await theirs(image), "UnsupportedFormat")
  })

  it("does not choose between two volumes", async () => {
    const image = await twoVolumes()
    assert.throws(() => openDisk(new Disk(image)), "ambiguous")
  })

  it("keeps the file system from choosing between two volumes", async () => {
    assert.notStrictEqual(await theirs(await twoVolumes()), "opened")
  })
})
