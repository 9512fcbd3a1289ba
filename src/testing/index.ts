/**
 * The simulated device and the conformance suite for devices, for the tests of those who use notafs.
 */
export * as BlockDeviceSuite from "./BlockDeviceSuite.ts"
export * as CrashImages from "./CrashImages.ts"
export { Random } from "./Random.ts"
export * as SimulatedDevice from "./SimulatedDevice.ts"
export * as SimulatedDisk from "./SimulatedDisk.ts"
