/**
 * Compares what a fiber of the simulation sees with the model, and notes what it was told.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Receipt } from "../../src/shell/Volume.ts"
import type { VolumeError } from "../../src/shell/VolumeError.ts"
import * as CrashState from "./CrashState.ts"
import * as Model from "./SimulationModel.ts"
import type { State } from "./SimulationModel.ts"
import * as Steps from "./SimulationSteps.ts"
import type { Step } from "./SimulationSteps.ts"
import { type Abort, seenIn, stateIn, tagOf, tell, type World } from "./SimulationWorld.ts"

// ---- comparing

export const show = (answer: Steps.Answer): string =>
  typeof answer === "string" ? answer : `${answer.length} bytes ${Buffer.from(answer.subarray(0, 16)).toString("hex")}`

export const compare = (
  world: World,
  where: string,
  step: Step,
  answer: Steps.Answer,
  expected: Steps.Answer
): void => {
  if (Steps.isSame(answer, expected)) return
  // A goal that holds the source is a folder and not empty: the shell says the one, as Node does, and the model the other.
  if (step.do === "rename" && answer === "NotEmpty" && expected === "IsAFolder") return
  world.breach(`${where}: ${Steps.format(step)} came to ${show(answer)}, but the model says ${show(expected)}`)
}

/** What a step came to where that is for the model to judge: its answer, or the refusal that a caller has to expect. */
export const answerOf = (exit: Exit.Exit<Steps.Answer, VolumeError>): Steps.Answer | undefined => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = Cause.findErrorOption(exit.cause)
  if (error._tag === "None" || Cause.hasDies(exit.cause)) return undefined
  const { reason } = error.value
  return reason instanceof Error ? undefined : reason._tag
}

export const compareWhole = (world: World, where: string, state: State, text: string): void => {
  if (text === Model.textOf(state)) return
  world.breach(`${where}: state ${state.mark} is not what it was:\n${CrashState.difference(text, Model.textOf(state))}`)
}

/** Reads all there is and compares it; nothing if a read has failed. What has to be in it is asked for when it is read. */
export const readWhole = (world: World, where: string, floor: () => State): Effect.Effect<State | undefined> =>
  Effect.map(
    Effect.exit(
      world.volume.read((pages, roots) => ({
        seen: seenIn(pages, roots),
        text: CrashState.ofVolume(pages, roots, true)
      }))
    ),
    (exit) => {
      if (Exit.isFailure(exit)) {
        tagOf(world, where, exit.cause)
        return undefined
      }
      const state = stateIn(world, exit.value.seen, floor())
      compareWhole(world, where, state, exit.value.text)
      return state
    }
  )

// ---- told and not told

/** A transaction has come to its end as its caller sees it. Answers what it came to. */
export const settle = (
  world: World,
  what: string,
  state: State | undefined,
  exit: Exit.Exit<{ readonly receipt: Option.Option<Receipt> | undefined }, VolumeError | Abort>
): string => {
  const { model } = world
  if (Exit.isFailure(exit)) {
    const tag = tagOf(world, what, exit.cause)
    world.count(`${what} ${tag}`)
    tell(world, tag)
    if (state === undefined) return tag
    // After its end it may still be made durable, or not, by a commit that fails or that nobody waited for.
    const isOpen = state.status === "Open"
    if (isOpen || ["DiskFull", "Abort", "Died"].includes(tag)) state.status = "Failed"
    return tag
  }
  world.count(`${what} done`)
  tell(world, "done")
  if (state === undefined) return "done"
  if (state.status !== "Closed") world.breach(`${what} has succeeded, but its effect has not`)
  state.status = "Acknowledged"
  if (!Model.includes(state, model.told) && !Model.includes(model.told, state)) {
    world.breach(
      `I2: transactions ${state.mark} and ${model.told.mark} were both acknowledged, neither knows the other`
    )
  }
  model.told = model.later(state, model.told)
  if (world.isInterval && !state.isKept) return "done"
  model.floor = model.later(state, model.floor)
  const { receipt } = exit.value
  if (receipt === undefined) return "done"
  if (Option.isNone(receipt)) world.breach(`${what} has changed something and has no receipt`)
  else if (receipt.value.generation > world.watch.durable) {
    const name = world.health.isPoisoned ? "I12" : "I2"
    world.breach(`${name}: ${what} was acknowledged by root ${receipt.value.generation}, which is not durable`)
  }
  return "done"
}
