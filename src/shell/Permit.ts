/**
 * A right that one at a time has, to change a volume or to sync its device; who asks for it later gets it later.
 *
 * - Where it is free it is taken here and now; who gives it back hands it to the one that has waited longest, so while somebody
 *   waits it is never free.
 * - Whoever has it must not be interrupted before it has given it back; only waiting can be interrupted.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

/** What may be interrupted within something that may not. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** Somebody who waits. */
interface Turn {
  hasCome: boolean
  /** Goes on, in a while. */
  wake: (() => void) | undefined
}

export class Permit {
  #isTaken = false
  /** In the order in which they came. */
  readonly #turns = new Set<Turn>()

  /** How many wait. */
  get waitingCount(): number {
    return this.#turns.size
  }

  /** Takes the permit if it is free; answers whether it was. */
  takeNow(): boolean {
    if (this.#isTaken) return false
    this.#isTaken = true
    return true
  }

  /** Takes the permit when its turn has come. Not to be interrupted but where it waits, and there only with `restore`. */
  take(restore?: Restore): Effect.Effect<void> {
    // In one step with the decision to wait: between two it may become free, and nobody would say so.
    return Effect.withFiber((fiber) => (this.takeNow() ? Effect.void : this.#wait(fiber, restore)))
  }

  /** Gives the permit back, or on. */
  release(): void {
    const [turn] = this.#turns
    if (turn === undefined) {
      this.#isTaken = false
      return
    }
    this.#turns.delete(turn)
    turn.hasCome = true
    turn.wake?.()
  }

  /** Runs an effect with the permit. */
  with<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(this.take(restore), () =>
        Effect.ensuring(
          restore(effect),
          Effect.sync(() => this.release())
        )
      )
    )
  }

  #wait(fiber: Fiber.Fiber<unknown, unknown>, restore: Restore = (effect) => effect): Effect.Effect<void> {
    const turn: Turn = { hasCome: false, wake: undefined }
    this.#turns.add(turn)
    const come = Effect.callback<void>((resume) => {
      if (turn.hasCome) return resume(Effect.void)
      // Not here and now: whoever gives the permit back is in the middle of something.
      turn.wake = () => fiber.currentDispatcher.scheduleTask(() => resume(Effect.void), 0)
    })
    return Effect.onExit(restore(come), (exit) => {
      // Who is interrupted when its turn has come already, and before it has noticed, has the permit.
      if (Exit.isFailure(exit) && !this.#turns.delete(turn)) this.release()
      return Effect.void
    })
  }
}
