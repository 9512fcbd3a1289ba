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

/** An effect in a span, if somebody would see it. */
const spanned = (name: string, effect: Anything, attributes: Record<string, unknown> | undefined): Anything =>
  Effect.withFiber((fiber) =>
    fiber.getRef(Tracer.Tracer) === NATIVE
      ? effect
      : Effect.withSpan(effect, name, { captureStackTrace: false, ...(attributes && { attributes }) })
  )

/** A service whose methods of these names have spans; `subject` is what their first argument is, if that is text. */
export const traced = <S extends object>(
  service: S,
  prefix: string,
  names: ReadonlyArray<keyof S & string>,
  subject?: string
): S => {
  const methods: Record<string, unknown> = {}
  for (const name of names) {
    const method: unknown = service[name]
    const span = `${prefix}.${name}`
    if (Effect.isEffect(method)) methods[name] = spanned(span, method, undefined)
    else if (typeof method === "function") {
      methods[name] = (...args: ReadonlyArray<unknown>) => {
        const [first] = args
        const attributes = subject !== undefined && typeof first === "string" ? { [subject]: first } : undefined
        return spanned(span, Reflect.apply(method, service, args), attributes)
      }
    }
  }
  return { ...service, ...methods }
}
