import { Fault } from "./Fault.ts"

/** The device that a volume stands on: an image, some sectors of which may refuse to be read. */
export class Disk {
  readonly image: Uint8Array
  readonly #unreadable: ReadonlySet<number>

  /** `unreadable` holds the numbers of sectors of 512 bytes. */
  constructor(image: Uint8Array, unreadable: ReadonlySet<number> = new Set()) {
    this.image = image
    this.#unreadable = unreadable
  }

  get size(): number {
    return this.image.length
  }

  holds(offset: number, length: number): boolean {
    return offset + length <= this.image.length
  }

  /** Throws a fault of kind "unreadable" if the device answers with an error. */
  read(offset: number, length: number): Uint8Array {
    if (!this.holds(offset, length)) throw new Fault("unreadable", `byte ${offset} is past the end of the device`)
    for (let sector = Math.floor(offset / 512); sector * 512 < offset + length; sector += 1) {
      if (this.#unreadable.has(sector)) throw new Fault("unreadable", `sector ${sector}`)
    }
    return this.image.subarray(offset, offset + length)
  }
}
