/**
 * How what users write comes to the sources.
 */

/** Code for a folder two below the root: the doors of the library as the sources have them. */
export const towardsSources = (code: string): string =>
  code
    .replaceAll(/from "notafs"/g, 'from "../../src/index.ts"')
    .replaceAll(
      /from "notafs\/([\w-]+)"/g,
      (_, door) => `from "../../src/${door === "testing" ? "testing/index" : door}.ts"`
    )
