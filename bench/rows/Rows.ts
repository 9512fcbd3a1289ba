/** All rows, in the order of the table. */
import * as CommitBytes from "./CommitBytes.ts"
import * as Flips from "./Flips.ts"
import * as Import from "./Import.ts"
import * as LargeValue from "./LargeValue.ts"
import * as Loading from "./Loading.ts"
import * as Puts from "./Puts.ts"
import * as Reopening from "./Reopening.ts"
import type { Group } from "./Row.ts"
import * as Streams from "./Streams.ts"

export const groups: ReadonlyArray<Group> = [
  Puts.group,
  CommitBytes.group,
  Loading.group,
  LargeValue.group,
  Streams.group,
  Streams.appending,
  Import.group,
  Reopening.group,
  Flips.group
]
