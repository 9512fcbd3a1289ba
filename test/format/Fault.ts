/** Why a volume, or a part of it, cannot be read. The words are those of docs/FORMAT.md. */
export type FaultKind = "not a volume" | "unsupported" | "corrupt" | "unreadable" | "ambiguous"

/** What the independent reader throws. */
export class Fault extends Error {
  readonly kind: FaultKind

  constructor(kind: FaultKind, message: string) {
    super(`${kind}: ${message}`)
    this.kind = kind
  }
}

export const corrupt = (message: string): Fault => new Fault("corrupt", message)

/** Throws a fault of kind "corrupt" unless the condition holds. */
export const must = (condition: boolean, message: string): void => {
  if (!condition) throw corrupt(message)
}
