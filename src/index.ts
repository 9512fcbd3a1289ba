/**
 * notafs: a copy-on-write, transactional, checksummed file system and key-value store on one block device.
 */
export { BlockDevice } from "./shell/BlockDevice.ts"
export { DeviceFailed, Locked } from "./shell/DeviceError.ts"
export * as Files from "./shell/Files.ts"
export { Identity } from "./shell/Identity.ts"
export * as KeyValue from "./shell/KeyValue.ts"
export * as MemoryDevice from "./shell/MemoryDevice.ts"
export * as Receipt from "./shell/Receipt.ts"
export * as Retention from "./shell/Retention.ts"
export * as Table from "./shell/Table.ts"
export * as TableKey from "./shell/TableKey.ts"
export * as TableValue from "./shell/TableValue.ts"
export * as Volume from "./shell/Volume.ts"
export { VolumeError } from "./shell/VolumeError.ts"
export * as VolumeFileSystem from "./shell/VolumeFileSystem.ts"
