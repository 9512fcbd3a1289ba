/**
 * What needs Node: block devices on files and on raw disks.
 */
export * as FileDevice from "./shell/FileDevice.ts"
