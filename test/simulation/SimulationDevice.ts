/**
 * The device of a simulated machine: every call takes random turns, and some of them go wrong.
 *
 * A call goes wrong with a probability that the run sets, or where its script says so. Then one of these happens:
 *
 * - The power is cut, or the process is killed, before the call or after it.
 * - A read fails, once or until the sector is written again.
 * - A write or a sync fails; after a sync, what was pending may be forgotten by the system, which goes on showing it (a ghost).
 */
import * as Effect from "effect/Effect"
import type { BlockDevice } from "../../src/shell/BlockDevice.ts"
import type { DeviceFailed } from "../../src/shell/DeviceError.ts"
import { SECTOR_BYTES } from "../../src/testing/SectorArray.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import type { CallKind, SimulatedDisk, Trouble } from "../../src/testing/SimulatedDisk.ts"
import type { SimulationMachine } from "./SimulationMachine.ts"
import type { SimulationScript } from "./SimulationScript.ts"

type Device = BlockDevice["Service"]

/** What can go wrong. */
type Fault = "cut" | "kill" | "readFailure" | "badSector" | "writeFailure" | "syncFailure" | "ghost"

export interface Options {
  readonly machine: SimulationMachine
  readonly script: SimulationScript
  /** The start of the machine. */
  readonly event: string
  readonly disk: SimulatedDisk
  /** Of a call going wrong. */
  readonly probability: () => number
  readonly onFault: (fault: Fault) => void
  /** A test of the test: syncs answer before they have happened. */
  readonly syncsLate?: boolean | undefined
}

const TURNS_MAX = 3

const FAULTS: Readonly<Record<CallKind, ReadonlyArray<Fault>>> = {
  read: ["cut", "kill", "readFailure", "badSector"],
  write: ["cut", "cut", "kill", "writeFailure"],
  sync: ["cut", "cut", "kill", "syncFailure", "ghost"]
}

export const make = (options: Options): Device => {
  const { disk, event, machine, onFault, probability, script, syncsLate = false } = options
  const device = SimulatedDevice.make(disk)
  const random = script.random(`${event}@`)
  const callCounts: Record<CallKind, number> = { read: 0, write: 0, sync: 0 }
  let trouble: Trouble | undefined
  disk.onCall = () => {
    const now = trouble
    trouble = undefined
    return now
  }

  /** What goes wrong with a call, if anything does. */
  const faultOf = (kind: CallKind, name: string): Fault | undefined => {
    const now = probability()
    if (now === 0) return undefined
    const faults = FAULTS[kind]
    return script.outcome(name, () => (random.chance(now) ? faults[random.below(faults.length)] : undefined))
  }

  const goWrong = (name: string, fault: Fault, offset: number, perform: () => Effect.Effect<void, DeviceFailed>) => {
    onFault(fault)
    switch (fault) {
      case "cut":
      case "kill": {
        // The call may have come through, but nobody is told.
        const stop = Effect.suspend(() => {
          machine.stop()
          return Effect.never
        })
        return script.random(name).chance(0.5) ? stop : Effect.andThen(Effect.exit(perform()), stop)
      }
      case "badSector":
        disk.unreadable.add(Math.floor(offset / SECTOR_BYTES))
        return perform()
      case "ghost":
        trouble = { kind: "ghost" }
        return perform()
      case "readFailure":
      case "writeFailure":
      case "syncFailure":
        trouble = { kind: "fail" }
        return perform()
    }
  }

  const call = (kind: CallKind, offset: number, perform: () => Effect.Effect<void, DeviceFailed>) =>
    Effect.uninterruptible(
      machine.turns(TURNS_MAX).pipe(
        Effect.andThen(
          Effect.suspend(() => {
            const name = `${event}@${kind}${callCounts[kind]++}`
            const fault = faultOf(kind, name)
            return fault === undefined ? perform() : goWrong(name, fault, offset, perform)
          })
        ),
        Effect.exit,
        Effect.flatMap((exit) => Effect.andThen(machine.turns(1), exit))
      )
    )

  const sync = call("sync", 0, () => device.sync)
  return {
    ...device,
    read: (ranges) => call("read", ranges[0]?.offset ?? 0, () => device.read(ranges)),
    write: (ranges) => call("write", ranges[0]?.offset ?? 0, () => device.write(ranges)),
    sync: syncsLate ? Effect.asVoid(Effect.forkDetach(sync)) : sync
  }
}
