/** What each byte of an image is, as the reader came to know by reading it. */
export class Ledger {
  /** Two claims on the same byte, and bytes that are not zero where the writer must write zeros. */
  readonly complaints: Array<string> = []
  readonly #owners: Uint16Array
  readonly #labels: Array<string> = ["unexplained"]
  readonly #numbers = new Map<string, number>()

  constructor(length: number) {
    this.#owners = new Uint16Array(length)
  }

  mark(start: number, length: number, label: string): void {
    let number = this.#numbers.get(label)
    if (number === undefined) {
      number = this.#labels.length
      this.#labels.push(label)
      this.#numbers.set(label, number)
    }
    for (let at = start; at < start + length; at += 1) {
      if (this.#owners[at] !== 0) {
        this.complaints.push(`byte ${at} is both "${this.#labels[this.#owners[at]]}" and "${label}"`)
        break
      }
    }
    this.#owners.fill(number, start, start + length)
  }

  /** Whether somebody has said what a byte is. */
  knows(offset: number): boolean {
    return this.#owners[offset] !== 0
  }

  /** The claim on one byte. */
  at(offset: number): string {
    return this.#labels[this.#owners[offset]]
  }

  /** The number of bytes of each label; the bytes that nothing explains come first, even if there are none. */
  totals(): ReadonlyMap<string, number> {
    const counts = this.#labels.map(() => 0)
    for (const owner of this.#owners) counts[owner] += 1
    return new Map(this.#labels.map((label, number) => [label, counts[number]]))
  }
}
