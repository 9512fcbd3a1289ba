/**
 * A process that runs modules one after another, each in a folder of its own, and says as JSON what each has written: `runAll MODULE...`.
 * One process is quicker than one each, most of whose time goes into loading the same modules.
 */
import { mkdirSync, writeSync } from "node:fs"

interface Ran {
  readonly stdout: string
  readonly stderr: string
}

const streams = ["stdout", "stderr"] as const
const ran: Record<string, Ran> = {}

for (const path of process.argv.slice(2)) {
  const written = { stdout: "", stderr: "" }
  const real = { stdout: process.stdout.write, stderr: process.stderr.write }
  for (const stream of streams) {
    process[stream].write = (chunk: string | Uint8Array): boolean => {
      written[stream] += Buffer.from(chunk as Uint8Array).toString()
      return true
    }
  }
  mkdirSync(`${path}.work`)
  process.chdir(`${path}.work`)
  try {
    await import(path)
  } catch (error) {
    written.stderr += `${error instanceof Error ? error.stack : String(error)}`
  }
  for (const stream of streams) process[stream].write = real[stream]
  ran[path] = written
}

writeSync(1, JSON.stringify(ran))
