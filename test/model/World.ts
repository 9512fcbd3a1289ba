/** The settings of a run, the contents it has met, and the two address spaces of its disk: slots first, then pages. */
import { type ContentId, type Disk, fromDurable, junk } from "./Disk.ts"
import { allPages, type Contents, type Leaf, type Pointer, type Root } from "./Records.ts"
import type { Settings } from "./Settings.ts"

export interface World {
  readonly settings: Settings
  readonly contents: Contents
}

export const objectCount = 2

export const pageAt = (world: World, address: number): number => world.settings.workload.slotCount + address

export const readPage = (world: World, disk: Disk, address: number): ContentId =>
  disk.cache[world.settings.workload.slotCount + address]!

export const leafPointer = (world: World, address: number, birth: number, value: number): Pointer => {
  const isBound = world.settings.rules.checksum === "bound"
  const leaf: Leaf = isBound ? { kind: "leaf", value, birth, address } : { kind: "leaf", value }
  return { address, birth, checksum: world.contents.intern(leaf) }
}

export const mapPointer = (world: World, address: number, birth: number, free: number): Pointer => ({
  address,
  birth,
  checksum: world.contents.intern({ kind: "map", free, birth, address })
})

export const freeOf = (world: World, root: ContentId): number =>
  world.contents.freeOf(world.contents.knownRoot(root), world.settings.workload.pageCount)

export interface Genesis {
  readonly disk: Disk
  readonly root: ContentId
}

/** A volume right after format: one root of generation 1, its objects, and a free-map page if there are folds. */
export const format = (world: World): Genesis => {
  const { folds, pageCount, slotCount } = world.settings.workload
  const objects = Array.from({ length: objectCount }, (_, index) => leafPointer(world, index, 1, 0))
  const used = allPages(folds ? objectCount + 1 : objectCount)
  const map = folds ? mapPointer(world, objectCount, 1, allPages(pageCount) & ~used) : null
  const root: Root = {
    kind: "root",
    generation: 1,
    base: 0,
    slot: 1 % slotCount,
    boot: 0,
    barriers: 1,
    clean: false,
    objects,
    map,
    toggled: folds ? 0 : used,
    snapshots: [],
    version: 0,
    values: objects.map(() => 0)
  }
  const durable: Array<ContentId> = Array.from({ length: slotCount + pageCount }, () => junk)
  durable[root.slot] = world.contents.intern(root)
  for (const pointer of map === null ? objects : [...objects, map]) {
    durable[pageAt(world, pointer.address)] = pointer.checksum
  }
  return { disk: fromDurable(durable), root: durable[root.slot]! }
}
