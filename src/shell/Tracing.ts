/**
 * Spans on the operations of a service, for those who have a tracer.
 *
 * - Without one there is no span: an operation that finds effect's own default, which exports nothing, is run as it is.
 * - A span is named by service and method (`Volume.commit`), and has the path or key that the method was given.
 * - Streams, sinks and what is done with an open file have none.
 */
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"

type Anything = Effect.Effect<unknown, unknown, unknown>

const NATIVE = Tracer.Tracer.defaultValue()

/** An effect in a span, if somebody would see it; with what it is about, if that is text. */
const spanned = (name: string, effect: Anything, subject?: string, about?: unknown): Anything =>
  Effect.withFiber((fiber) => {
    if (fiber.getRef(Tracer.Tracer) === NATIVE) return effect
    const attributes = subject !== undefined && typeof about === "string" ? { [subject]: about } : undefined
    return Effect.withSpan(effect, name, { captureStackTrace: false, ...(attributes && { attributes }) })
  })

/** A service whose methods of these names have spans; `subject` is what their first argument is, if that is text. */
export const traced = <S extends object>(
  service: S,
  prefix: string,
  names: ReadonlyArray<keyof S & string>,
  subject?: string
): S => {
  const methods = { ...service }
  for (const name of names) {
    const method: unknown = service[name]
    const span = `${prefix}.${name}`
    let found: unknown = method
    if (Effect.isEffect(method)) found = spanned(span, method)
    else if (typeof method === "function") {
      // No method has more arguments, and none asks how many it was given.
      found = (a: unknown, b: unknown, c: unknown) => spanned(span, method.call(service, a, b, c), subject, a)
    }
    methods[name] = found as S[typeof name]
  }
  return methods
}
