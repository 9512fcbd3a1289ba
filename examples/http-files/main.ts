/**
 * Files over HTTP, on a disk of their own: `http-files [DISK] [PORT]`. PUT stores a file, GET reads it, ranges and conditions too, by
 * effect's static file server.
 *
 * - An answered upload is on the disk. Nobody sees half of one: it arrives under another name, and the move is one commit.
 * - A download is of one state of the volume, however long it takes and whatever is uploaded over it meanwhile.
 */
import { createServer } from "node:http"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Effect, FileSystem, Layer, Option, Path, type PlatformError, Stream } from "effect"
import {
  Etag,
  HttpPlatform,
  HttpRouter,
  type HttpServerError,
  HttpServerRequest,
  HttpServerResponse,
  HttpStaticServer
} from "effect/http"
import { Volume, VolumeError, VolumeFileSystem } from "notafs"
import { FileDevice } from "notafs/node"

const [disk = "files.notafs", port = "8080"] = process.argv.slice(2)

const FILES = "/files"
const ARRIVING = "/arriving"

/** So many pieces of 64 KiB are written by one commit. */
const PIECES = 16

let uploads = 0

const answer = (status: number, text: string) => HttpServerResponse.text(`${text}\n`, { status })

const refusal = (error: PlatformError.PlatformError | HttpServerError.HttpServerError) => {
  const { cause, message } = error.reason
  if (!(cause instanceof VolumeError)) return answer(400, message)
  return answer(cause.reason._tag === "DiskFull" ? 507 : 409, cause.message)
}

/** The path of a file that the URL of a request names. What cannot be decoded has no route. */
const target = Effect.gen(function* () {
  const { url } = yield* HttpServerRequest.HttpServerRequest
  const path = yield* Path.Path
  const name = decodeURIComponent(url.split("?")[0])
  return name.endsWith("/") ? Option.none() : path.resolveWithin(FILES, name.replace(/^\/+/, ""))
})

const upload = Effect.gen(function* () {
  const { transaction } = yield* Volume.Volume
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { stream } = yield* HttpServerRequest.HttpServerRequest
  const to = yield* target
  if (Option.isNone(to)) return answer(400, "PUT takes the name of a file.")
  const arriving = path.join(ARRIVING, String(uploads++))
  const isNew = Effect.map(fs.exists(to.value), (exists) => !exists)
  const folder = fs.makeDirectory(path.dirname(to.value), { recursive: true })
  return yield* Stream.run(Stream.rechunk(stream, PIECES), fs.sink(arriving)).pipe(
    Effect.andThen(transaction(Effect.tap(isNew, Effect.andThen(folder, fs.rename(arriving, to.value))))),
    Effect.map((made) => HttpServerResponse.empty({ status: made ? 201 : 204 })),
    Effect.onError(() => Effect.ignore(fs.remove(arriving, { force: true })))
  )
}).pipe(
  Effect.catchTag(["PlatformError", "HttpServerError"], (error) => Effect.succeed(refusal(error))),
  Effect.catchTag("VolumeError", (error) => Effect.succeed(answer(500, error.message)))
)

/** What did not arrive before the last end goes. */
const folders = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  yield* fs.remove(ARRIVING, { recursive: true, force: true })
  for (const folder of [ARRIVING, FILES]) yield* fs.makeDirectory(folder, { recursive: true })
})

/** All of a request that only reads sees one state, the sending of its answer too. */
const ofOneState = <A, E, R>(handled: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const { method } = yield* HttpServerRequest.HttpServerRequest
    const { view } = yield* Volume.Volume
    return yield* method === "PUT" ? handled : view(handled)
  })

const routes = Layer.mergeAll(HttpStaticServer.layer({ root: FILES }), HttpRouter.add("PUT", "/*", upload))

const server = HttpRouter.serve(routes, { middleware: ofOneState, disableLogger: true }).pipe(
  Layer.provide(Layer.effectDiscard(folders)),
  Layer.provide(HttpPlatform.layer),
  Layer.provide([Etag.layerWeak, Path.layer, VolumeFileSystem.layer]),
  // Who downloads too slowly does not hold space back without end.
  Layer.provide(Volume.layer({ viewAgeMax: "10 minutes" })),
  Layer.provide(FileDevice.layer({ path: disk, size: 1024 * 1024 * 1024 })),
  Layer.provide(NodeHttpServer.layerServer(createServer, { port: Number(port), host: "127.0.0.1" }))
)

NodeRuntime.runMain(Layer.launch(server))
