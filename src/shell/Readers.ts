/**
 * Who reads one root for longer than a single operation takes, and so holds back the pages that have died since.
 *
 * - A reader pins its generation from its beginning to its end, or until it is older than `ageMaxMillis` allows: then it has
 *   expired, and that is for good. Scans (checks and scrubs) do not expire.
 * - Nothing wakes up for that. It is looked at where it matters, in one synchronous step each: before it is decided which pages
 *   may be written, and before a reader reads. So pages are let go only once their reader has expired, and none reads after that.
 */
export interface Reader {
  readonly kind: "View" | "Snapshot" | "Scan"
  /** What it pins. */
  readonly generation: number
  /** By the clock of the readers, in milliseconds. */
  readonly begin: number
  isExpired: boolean
}

export class Readers {
  readonly #now: () => number
  readonly #running = new Set<Reader>()
  /** How old a view or an opened snapshot may grow, in milliseconds. */
  readonly ageMaxMillis: number

  /** `now` gives milliseconds that never go back. */
  constructor(now: () => number, ageMaxMillis = Infinity) {
    this.#now = now
    this.ageMaxMillis = ageMaxMillis
  }

  enter(kind: Reader["kind"], generation: number): Reader {
    const reader: Reader = { kind, generation, begin: this.#now(), isExpired: false }
    this.#running.add(reader)
    return reader
  }

  leave(reader: Reader): void {
    this.#running.delete(reader)
  }

  /** Whether the reader may not read any more. */
  hasExpired(reader: Reader): boolean {
    if (reader.kind !== "Scan" && this.#now() - reader.begin > this.ageMaxMillis) reader.isExpired = true
    return reader.isExpired
  }

  /** How many there are of a kind, expired ones included. */
  count(kind: Reader["kind"]): number {
    let count = 0
    for (const reader of this.#running) if (reader.kind === kind) count++
    return count
  }

  /** Of those that pin the oldest generation, the one that has done so for longest. */
  oldest(): Reader | undefined {
    let oldest: Reader | undefined
    for (const reader of this.#running) {
      // In the order in which they began.
      if (!this.hasExpired(reader) && reader.generation < (oldest?.generation ?? Infinity)) oldest = reader
    }
    return oldest
  }

  /** Milliseconds since it began. */
  age({ begin }: Reader): number {
    return this.#now() - begin
  }
}
