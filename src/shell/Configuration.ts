/**
 * Options as configuration: sizes as effect's `ByteSize` ("64 MiB", "4096 B"), durations as its `Duration` ("5 minutes").
 *
 * - An option that is not configured has its default. One that is configured wrongly fails with a `ConfigError` that names it.
 */
import * as ByteSize from "effect/ByteSize"
import * as Config from "effect/Config"
import * as Option from "effect/Option"

/**
 * A size as options take it: a number of bytes, `"64 MiB"`, or a `ByteSize`. (All spellings of `ByteSize.Input` are too many for a type
 * that others compute with.)
 */
export type Size = number | ByteSize.ByteSize | `${bigint} ${ByteSize.Unit}`

/** Its bytes. What is no size is NaN: it is refused where it is used. */
export const byteCount = (size: Size): number => {
  if (typeof size === "number") return size
  const found = typeof size === "string" ? ByteSize.fromString(size) : Option.some(size)
  return Option.getOrElse(Option.flatMap(found, ByteSize.toNumber), () => NaN)
}

/** The same of one that may be missing. */
export const byteCountIfGiven = (size: Size | undefined): number | undefined =>
  size === undefined ? undefined : byteCount(size)

/** A number of bytes. What no number can hold is as good as the largest: it is refused where it is used. */
export const bytes = (name: string): Config.Config<number> =>
  Config.map(Config.ByteSize(name), (size) => Option.getOrElse(ByteSize.toNumber(size), () => Number.MAX_SAFE_INTEGER))

type Fields = Readonly<Record<string, Config.Config<unknown>>>

/** Options of which each may be missing. */
export const options = <F extends Fields>(
  fields: F
): Config.Config<{ readonly [K in keyof F]?: Config.Success<F[K]> | undefined }> => {
  const optional = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, Config.option(field)]))
  return Config.map(
    Config.all(optional),
    (found) =>
      Object.fromEntries(
        Object.entries(found).flatMap(([name, value]) => (Option.isSome(value) ? [[name, value.value]] : []))
      ) as { readonly [K in keyof F]?: Config.Success<F[K]> | undefined }
  )
}
