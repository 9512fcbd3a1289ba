/**
 * Telemetry: the spans, metrics and logs of a volume go to a collector by OTLP, at OTEL_EXPORTER_OTLP_ENDPOINT.
 */
import { Effect, FileSystem, Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import { Otlp } from "effect/observability"
import { MemoryDevice, Volume, VolumeFileSystem, VolumeMetrics } from "notafs"

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const volume = yield* Volume.Volume
  // One span for the commit, and one in it for each file.
  yield* volume.commit(
    Effect.forEach(["/a", "/b", "/c"], (path) => fs.writeFileString(path, "some text"), { discard: true })
  )
  yield* Effect.logInfo("Three files were written")
})

const telemetry = Otlp.layerJson({
  baseUrl: process.env["OTEL_EXPORTER_OTLP_ENDPOINT"] ?? "http://localhost:4318",
  resource: { serviceName: "notafs-example" },
  loggerMergeWithExisting: false
}).pipe(Layer.provide(FetchHttpClient.layer))

// What is below the volume in the list of layers outlives it: the telemetry is closed, and sent, last.
const layer = Layer.mergeAll(VolumeFileSystem.layer, VolumeMetrics.layer()).pipe(
  Layer.provideMerge(Volume.layer()),
  Layer.provide(MemoryDevice.layer({ size: 16 * 1024 * 1024 })),
  Layer.provideMerge(telemetry)
)

await Effect.runPromise(Effect.provide(program, layer))
console.log("Everything was sent.")
