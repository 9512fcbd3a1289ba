/**
 * Runs operations on a volume for code that knows promises only.
 *
 * - A failure is an error of `node:fs`; see `SystemError`.
 * - What is called from within the callback of a transaction is a part of that, whichever object it is called on: to wait for the
 *   end of the transaction there would be to wait for ever. It is found by the asynchronous context of the call.
 */
import { AsyncLocalStorage } from "node:async_hooks"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Operation, Service } from "../shell/FileOperation.ts"
import type { VolumeError } from "../shell/VolumeError.ts"
import * as SystemError from "./SystemError.ts"

/** A transaction whose callback runs. */
interface Running {
  readonly volume: Service
  readonly context: Context.Context<never>
  isOpen: boolean
}

const running = new AsyncLocalStorage<Running>()

const contextOf = (volume: Service): Context.Context<never> => {
  const inside = running.getStore()
  return inside?.isOpen === true && inside.volume === volume ? inside.context : Context.empty()
}

/** What the callback of a transaction has thrown: handed through as it is. */
class Thrown {
  readonly _tag = "Thrown"
  readonly error: unknown
  constructor(error: unknown) {
    this.error = error
  }
}

export class Caller {
  readonly volume: Service
  /** What all is run in; by default what the caller of a call is inside of. */
  readonly #context: Context.Context<never> | undefined
  /** Taken from the permission bits of what is made. */
  readonly umask: number

  constructor(volume: Service, umask: number, context?: Context.Context<never>) {
    this.volume = volume
    this.umask = umask
    this.#context = context
  }

  /** Runs an operation on files. */
  async call<A>(call: SystemError.Call, operation: Operation<A>): Promise<A> {
    return this.#run(operation, (error) => SystemError.ofCall(error, call))
  }

  /** Runs an operation on the volume as a whole. */
  async run<A>(operation: Effect.Effect<A, VolumeError>): Promise<A> {
    return this.#run(operation, SystemError.ofVolume)
  }

  /** Runs `use` with a caller whose calls commit together when its promise is fulfilled; if it is not, nothing is left of them. */
  async transaction<A>(use: (inside: Caller) => Promise<A>): Promise<A> {
    return this.#inside((effect) => this.volume.transaction(effect), use)
  }

  /** The same for reading: all calls see one state. */
  async view<A>(use: (inside: Caller) => Promise<A>): Promise<A> {
    return this.#inside((effect) => this.volume.view(effect), use)
  }

  async #inside<A>(
    wrap: (effect: Effect.Effect<A, Thrown>) => Effect.Effect<A, Thrown | VolumeError>,
    use: (inside: Caller) => Promise<A>
  ): Promise<A> {
    const { umask, volume } = this
    const body = Effect.flatMap(Effect.context(), (context) => {
      const inside: Running = { volume, context, isOpen: true }
      return Effect.tryPromise({
        try: () => running.run(inside, async () => use(new Caller(volume, umask, context))),
        catch: (error) => new Thrown(error)
      }).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            inside.isOpen = false
          })
        )
      )
    })
    return this.#run(wrap(body), SystemError.ofVolume)
  }

  async #run<A>(effect: Effect.Effect<A, VolumeError | Thrown>, failureOf: (error: unknown) => unknown): Promise<A> {
    const exit = await Effect.runPromiseExitWith(this.#context ?? contextOf(this.volume))(effect)
    if (Exit.isSuccess(exit)) return exit.value
    const error = Cause.squash(exit.cause)
    throw error instanceof Thrown ? error.error : failureOf(error)
  }
}
