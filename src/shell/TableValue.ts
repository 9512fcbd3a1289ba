/**
 * Values of tables with types: JSON by a schema, or bytes as they are.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** How values of a type stand in a table. What is wrong is answered as a sentence. */
export interface TableValue<Value> {
  readonly encode: (value: Value) => Result.Result<Uint8Array, string>
  readonly decode: (bytes: Uint8Array) => Result.Result<Value, string>
}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const textOf = (bytes: Uint8Array): Result.Result<string, string> =>
  Result.try({ try: () => decoder.decode(bytes), catch: () => "it is not well-formed UTF-8" })

/** The bytes themselves. */
export const bytes: TableValue<Uint8Array> = { encode: Result.succeed, decode: Result.succeed }

/** What a schema says, as JSON in UTF-8; dates, big integers and bytes have their place in it, too. */
export const json = <Value>(schema: Schema.Codec<Value, unknown>): TableValue<Value> => {
  const codec = Schema.fromJsonString(Schema.toCodecJson(schema))
  const encode = Schema.encodeResult(codec)
  const decode = Schema.decodeUnknownResult(codec)
  return {
    encode: (value) =>
      Result.mapBoth(encode(value), {
        onFailure: ({ message }) => message,
        onSuccess: (text) => encoder.encode(text)
      }),
    decode: (from) => Result.flatMap(textOf(from), (text) => Result.mapError(decode(text), ({ message }) => message))
  }
}
