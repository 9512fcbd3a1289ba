/** A folder with thousands of files into the volume, in one durable transaction; the baseline is `tar` and a sync. */
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import * as Child from "./Child.ts"
import { type Row, time } from "./Row.ts"
import * as Scratch from "../Scratch.ts"

const source = join(import.meta.dirname, "../../node_modules")

export const run = async (folder: string): Promise<ReadonlyArray<Row>> => {
  const image = join(folder, "import.img")
  const archive = join(folder, "import.tar")
  // Both read from the cache of the system.
  execFileSync("tar", ["cf", "/dev/null", source])
  await time(() => execFileSync("sh", ["-c", `tar cf '${archive}.warm' '${source}' 2>/dev/null; rm '${archive}.warm'`]))
  await Child.notafs("format", image, "--size", "2GiB")
  Scratch.prime(folder)
  const baseline = await time(() =>
    execFileSync("sh", ["-c", `tar cf '${archive}' '${source}' 2>/dev/null && sync -f '${archive}'`])
  )
  Scratch.prime(folder)
  const ours = await Child.notafs("import", image, source, "@/nm")
  return [
    {
      row: "import node_modules, whole process / tar + sync",
      value: ours / baseline,
      unit: "ratio",
      bound: 3,
      ours,
      baseline
    }
  ]
}
