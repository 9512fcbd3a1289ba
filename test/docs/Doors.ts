/**
 * How what users write comes to the sources, and is run.
 */
import { join } from "node:path"

/** For processes that run it: what one has compiled the next one need not, which is most of their time. */
export const environment: NodeJS.ProcessEnv = {
  ...process.env,
  NODE_COMPILE_CACHE: join(import.meta.dirname, "../../reports/compiled")
}

/** Code for a folder two below the root: the doors of the library as the sources have them. */
export const towardsSources = (code: string): string =>
  code
    .replaceAll(/from "notafs"/g, 'from "../../src/index.ts"')
    .replaceAll(
      /from "notafs\/([\w-]+)"/g,
      (_, door) => `from "../../src/${door === "testing" ? "testing/index" : door}.ts"`
    )
