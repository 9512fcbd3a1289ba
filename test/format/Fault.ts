/** Why a volume, or a part of it, cannot be read. The words are those of docs/FORMAT.md. */
export type FaultKind = "not a volume" | "unsupported" | "corrupt" | "unreadable" | "ambiguous"

/** What the independent reader throws. */
export class Fault extends Error {
  readonly kind: FaultKind
  /** Of a root that is unsupported. */
  readonly generation: number

  constructor(kind: FaultKind, message: string, generation = 0) {
    super(`${kind}: ${message}`)
    this.kind = kind
    this.generation = generation
  }
}

export const corrupt = (message: string): Fault => new Fault("corrupt", message)

/** Throws a fault of kind "corrupt" unless the condition holds. */
export const must = (condition: boolean, message: string): void => {
  if (!condition) throw corrupt(message)
}
