/**
 * Clients of the file service among the examples: they upload files of known content over and over, download each other's, and judge
 * what they get.
 *
 * - A file belongs to one client. What it has of it is what was acknowledged last, or an upload that was begun later.
 * - So it is when the service has been killed and started again; what is seen then stays.
 */
import { assert } from "vitest"
import type { Random } from "../../src/testing/Random.ts"

const CLIENTS = 4
const FILES_EACH = 3
const MIB = 1024 * 1024

/** All versions of a file that may still be met, the oldest first. */
interface Known {
  readonly path: string
  versions: Array<Uint8Array>
  /** How many of them went before the acknowledged one, or -1 if none is acknowledged. */
  acknowledged: number
}

const noise = (random: Random, size: number): Uint8Array => {
  const bytes = new Uint8Array(size)
  const words = new Uint32Array(bytes.buffer, 0, size >> 2)
  for (let i = 0; i < words.length; i++) words[i] = random.below(2 ** 32)
  return bytes
}

const sizeOf = (random: Random): number => {
  const kind = random.below(8)
  if (kind === 0) return 0
  return kind === 1 ? MIB + random.below(2 * MIB) : random.below(100_000)
}

/** The service as its clients see it. */
export interface Service {
  readonly origin: string
  /** Whether it was killed, asked when a connection has failed. */
  readonly isGone: () => Promise<boolean>
}

/** All of them, and what they have done. */
export class HttpClients {
  readonly random: Random
  readonly files: ReadonlyArray<ReadonlyArray<Known>>
  uploads = 0
  downloads = 0

  constructor(random: Random) {
    this.random = random
    this.files = Array.from({ length: CLIENTS }, (_, client) =>
      Array.from({ length: FILES_EACH }, (_, file) => ({
        path: `client ${client}/${"deep/".repeat(file)}file`,
        versions: [],
        acknowledged: -1
      }))
    )
  }

  /** All of them at once, until the service is gone; tells of each answered upload. */
  async work(service: Service, answered: () => void): Promise<void> {
    await Promise.all(this.files.map((own) => this.#client(service, own, answered)))
  }

  /** Finds out what is left of each file, and takes that for what stays. Answers whether the service was there to the end. */
  async settle(service: Service): Promise<boolean> {
    for (const file of this.files.flat()) {
      const found = await this.#download(service, file, undefined)
      if (found === undefined) return false
      const at = this.accept(file, found.bytes)
      file.versions = at < 0 ? [] : [file.versions[at]]
      file.acknowledged = file.versions.length - 1
    }
    return true
  }

  /** Which version the content is, or -1 where the file is not there and need not be. */
  accept(file: Known, bytes: Uint8Array | undefined, from = file.acknowledged, end = file.versions.length): number {
    if (bytes === undefined) {
      assert.strictEqual(from, -1, `${file.path} is lost`)
      return -1
    }
    const at = file.versions.findIndex((version, i) => i >= from && i < end && Buffer.compare(version, bytes) === 0)
    assert.isAtLeast(at, 0, `${file.path} has ${bytes.length} bytes that were not uploaded like that`)
    return at
  }

  async #client(service: Service, own: ReadonlyArray<Known>, answered: () => void): Promise<void> {
    for (;;) {
      const file = own[this.random.below(own.length)]
      if (!(await this.#upload(service, file))) return
      answered()
      const others = this.files[this.random.below(CLIENTS)]
      const other = others[this.random.below(FILES_EACH)]
      const range = this.random.below(3) === 0 ? this.random.below(50_000) : undefined
      const [from, hadVersions] = [other.acknowledged, other.versions.length]
      const found = await this.#download(service, other, range)
      if (found === undefined) return
      assert.isAtLeast(other.versions.length, hadVersions)
      if (range === undefined || found.status === 404) this.accept(other, found.bytes, from)
      else this.#acceptRange(other, found.bytes ?? new Uint8Array(0), found.status, range, from)
    }
  }

  #acceptRange(file: Known, bytes: Uint8Array, status: number, start: number, from: number): void {
    const isAsWanted = file.versions.some((version, i) => {
      if (i < from) return false
      if (start >= version.length) return status === 416
      return status === 206 && Buffer.compare(version.subarray(start), bytes) === 0
    })
    assert.isTrue(isAsWanted, `${file.path} from ${start} on: ${status}, ${bytes.length} bytes`)
  }

  /** Whether it was answered. */
  async #upload(service: Service, file: Known): Promise<boolean> {
    const bytes = noise(this.random, sizeOf(this.random))
    const at = file.versions.push(bytes) - 1
    const response = await fetch(urlOf(service, file), { method: "PUT", body: bytes }).catch(ifGone(service))
    if (response === undefined) return false
    assert.strictEqual(response.status, file.acknowledged < 0 ? 201 : 204)
    file.acknowledged = at
    this.uploads++
    return true
  }

  async #download(
    service: Service,
    file: Known,
    start: number | undefined
  ): Promise<{ readonly status: number; readonly bytes: Uint8Array | undefined } | undefined> {
    const headers: Record<string, string> = start === undefined ? {} : { range: `bytes=${start}-` }
    const response = await fetch(urlOf(service, file), { headers }).catch(ifGone(service))
    const body = await response?.arrayBuffer().catch(ifGone(service))
    if (response === undefined || body === undefined) return undefined
    assert.include([200, 206, 404, 416], response.status)
    this.downloads++
    return { status: response.status, bytes: response.status === 404 ? undefined : new Uint8Array(body) }
  }
}

const urlOf = ({ origin }: Service, file: Known): string =>
  `${origin}/${file.path.split("/").map(encodeURIComponent).join("/")}`

/** A connection may be refused or break off, if that is since the service is gone. */
const ifGone =
  ({ isGone }: Service) =>
  async (error: unknown): Promise<undefined> => {
    if (!(error instanceof TypeError) || !(await isGone())) throw error
  }
