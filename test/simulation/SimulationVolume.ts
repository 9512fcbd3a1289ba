/** A volume whose reading and editing functions of the core are wrapped, by whichever way operations hand them in. */
import type { Draft } from "../../src/core/Draft.ts"
import type { Pages } from "../../src/core/Pages.ts"
import type { Roots } from "../../src/core/Roots.ts"
import type { Volume } from "../../src/index.ts"

type Service = Volume.Volume["Service"]
type Read<A> = (pages: Pages, roots: Roots) => A
type Edit<A> = (draft: Draft<Roots>) => A

export const reading = (volume: Service, wrap: <A>(f: Read<A>) => Read<A>): Service => ({
  ...volume,
  read: (f) => volume.read(wrap(f)),
  immediate: { ...volume.immediate, read: (fiber, f) => volume.immediate.read(fiber, wrap(f)) }
})

export const editing = (volume: Service, wrap: <A>(f: Edit<A>) => Edit<A>): Service => ({
  ...volume,
  write: (f) => volume.write(wrap(f)),
  immediate: { ...volume.immediate, write: (fiber, f) => volume.immediate.write(fiber, wrap(f)) }
})
