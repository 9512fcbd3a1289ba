/** A folder of thousands of files, in one durable transaction where there are transactions. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import * as Material from "../Material.ts"
import { type Group, time } from "./Row.ts"

export const group: Group = {
  rows: [
    {
      id: "import",
      title: "import 8,535 files / 135 MB in one durable transaction",
      unit: "ratio",
      base: "sqlite",
      reach: 0.7,
      aim: 0.38
    }
  ],
  run: async ({ forContestant, keptFolder, scale }) => {
    const source = join(keptFolder, "source")
    if (!existsSync(source)) Material.folder(source, scale.importFiles, scale.importBytes)
    return forContestant(
      ({ tree }) => tree !== undefined,
      2 * scale.importBytes,
      async ({ name, tree: open }, place) => {
        const tree = await open!(place)
        const ms = await time(() => tree.importFolder(source))
        await tree.close()
        return [{ row: "import", contestant: name, value: ms }]
      }
    )
  }
}
