/** A contestant in a process of its own, which takes its turn in each round of a group of rows. The turn is taken by `player.child.ts`. */
import { fork } from "node:child_process"
import { once } from "node:events"
import type { Name } from "./contest/Contestant.ts"
import * as Here from "./Here.ts"
import type { Group, Sample } from "./rows/Row.ts"
import type { Scale } from "./Scale.ts"

/** What the process is asked. */
export interface Turn {
  readonly scale: Scale
  readonly folder: string
  readonly keptFolder: string
}

/** What it answers: nothing at all if it takes no part. */
export interface Answer {
  readonly samples: ReadonlyArray<Sample>
  readonly faults: ReadonlyArray<string>
}

export interface Player {
  readonly name: Name
  readonly turn: (turn: Turn) => Promise<Answer>
  readonly close: () => void
}

/** Starts the process; `ids` are the rows that are asked for. */
export const open = async (group: Group, name: Name, ids: ReadonlyArray<string>): Promise<Player> => {
  const script = Here.script(import.meta.dirname, "player.child")
  const child = fork(script, [group.rows[0].id, name, ids.join()], { execArgv: ["--no-warnings"] })
  const ended = once(child, "exit").then(([code, signal]): Answer => ({
    samples: [],
    faults: [`its process ended by ${signal ?? code}`]
  }))
  return {
    name,
    turn: (turn) => {
      const answered = once(child, "message").then(([answer]): Answer => answer)
      if (child.connected) child.send(turn)
      return Promise.race([answered, ended])
    },
    close: () => void child.kill()
  }
}
