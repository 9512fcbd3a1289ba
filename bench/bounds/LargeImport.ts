/** 10 GiB of files into the volume by the tool, in one durable transaction: how much memory that takes. */
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs"
import { join } from "node:path"
import { Random } from "../../src/testing/Random.ts"
import * as Child from "./Child.ts"
import type { Row } from "./Row.ts"

const FILES = 10
const CHUNKS = 1024
const MEMORY_BOUND = 256

export const run = async (folder: string): Promise<ReadonlyArray<Row>> => {
  const source = join(folder, "source")
  const image = join(folder, "import.img")
  mkdirSync(source)
  const chunk = new Random(1).bytes(1024 * 1024)
  for (let number = 0; number < FILES; number++) {
    const file = openSync(join(source, String(number)), "w")
    for (let i = 0; i < CHUNKS; i++) writeSync(file, chunk)
    closeSync(file)
  }
  await Child.notafs("format", image, "--size", "11GiB")
  const { ms, peakMiB } = await Child.script("tool.child", "import", image, source, "@/all")
  const note = `${Math.round((FILES * CHUNKS) / (ms / 1000))} MiB a second`
  return [{ row: "import of 10 GiB, peak resident memory", value: peakMiB, unit: "MiB", bound: MEMORY_BOUND, note }]
}
