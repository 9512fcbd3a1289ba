/**
 * Sizes as the user writes and reads them: "256MiB", "1.5 GB", "4096".
 */
import * as ByteSize from "effect/ByteSize"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"

/** A number of bytes with a unit, or without one. */
const parse = (text: string): Option.Option<number> => {
  const size = /^\s*\d+\s*$/.test(text) ? Option.some(ByteSize.bytes(BigInt(text))) : ByteSize.fromString(text)
  return Option.flatMap(size, ByteSize.toNumber)
}

const expected = (): string => "a number with a unit, as in 4KiB, 256MiB or 1.5GB"

/** An argument that is a size. */
export const argument = (name: string): Argument.Argument<number> =>
  Argument.String(name).pipe(Argument.filterMap(parse, expected))

/** A flag that takes a size. */
export const flag = (name: string): Flag.Flag<number> =>
  Flag.String(name).pipe(Flag.withMetavar("<size>"), Flag.filterMap(parse, expected))

/** As in "1.3 MiB". */
export const show = (bytes: number): string =>
  ByteSize.format(ByteSize.bytes(bytes), { system: "binary", precision: bytes < 1024 ? 0 : 1 })
