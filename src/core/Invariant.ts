/**
 * A broken invariant is our own bug: it is thrown as a defect and never shares a type with a fault of the disk.
 */

/** Thrown when the code contradicts itself. Nobody catches it but the outermost edge, which reports it. */
export class InvariantViolation extends Error {
  override readonly name = "InvariantViolation"
}

/** Throws {@link InvariantViolation} unless `condition` holds. `message` states the rule that was broken. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantViolation(message)
}
