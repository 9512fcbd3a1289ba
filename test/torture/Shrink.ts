/**
 * Delta debugging: of a list that fails, finds a short one that fails in the same way.
 *
 * - A list is only ever exchanged for a shorter one that fails as well.
 * - First its end is cut off, then ranges go, from halves down to single elements, until none can go any more or the time
 *   is over. What is left then fails, but need not be the shortest.
 */

/** Tries a list: the list as it came to be if it still fails, which may be shorter; nothing if it does not. */
export type Attempt<A> = (list: ReadonlyArray<A>) => ReadonlyArray<A> | undefined

export interface Options<A> {
  readonly attempt: Attempt<A>
  /** On the clock of `performance.now`. */
  readonly until: number
}

export interface Shrunk<A> {
  readonly list: ReadonlyArray<A>
  /** Whether nothing more could be left out; else the time was over. */
  readonly isDone: boolean
}

/** `list` must fail. */
export const shrink = <A>(list: ReadonlyArray<A>, { attempt, until }: Options<A>): Shrunk<A> => {
  let shortest = list
  const isOver = (): boolean => performance.now() >= until
  const fails = (candidate: ReadonlyArray<A>): boolean => {
    const found = attempt(candidate)
    if (found === undefined || found.length >= shortest.length) return false
    shortest = found
    return true
  }

  const cut = (): void => {
    for (let low = 0, high = shortest.length; low + 1 < high && !isOver();) {
      const middle = Math.floor((low + high) / 2)
      if (middle < shortest.length && fails(shortest.slice(0, middle))) high = Math.min(middle, shortest.length)
      else low = middle
    }
  }

  /** Leaves out ranges of one size, from the end, since what fails last is needed most. */
  const drop = (size: number): boolean => {
    let hasDropped = false
    for (let end = shortest.length; end > 0 && !isOver();) {
      const begin = Math.max(0, end - size)
      if (fails([...shortest.slice(0, begin), ...shortest.slice(end)])) hasDropped = true
      end = Math.min(begin, shortest.length)
    }
    return hasDropped
  }

  const dropAll = (): void => {
    for (let size = Math.ceil(shortest.length / 2); !isOver();) {
      const hasDropped = drop(size)
      if (size > 1) size = Math.ceil(size / 2)
      else if (!hasDropped) return
    }
  }

  cut()
  dropAll()
  return { list: shortest, isDone: !isOver() }
}
