/**
 * Loaded before a program (`node --import`): kills its process with SIGKILL before the call of its device that NOTAFS_KILL_AT says, the
 * first being 0, or, of a write in `12 half`, when half of it is done. A call is one of the system's that writes to a file or syncs it.
 */
import fs from "node:fs"
import { replace } from "../shell/SystemCalls.ts"

const [last, when] = (process.env["NOTAFS_KILL_AT"] ?? "-1").split(" ")
let calls = 0

const { fdatasync, fdatasyncSync, writev, writevSync } = fs

/** Half of what is to be written. */
const half = (buffers: ReadonlyArray<NodeJS.ArrayBufferView>): Buffer => {
  const whole = Buffer.concat(buffers.map((view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength)))
  return whole.subarray(0, whole.length / 2)
}

const count = (write?: { fd: number; buffers: ReadonlyArray<NodeJS.ArrayBufferView>; position: unknown }): void => {
  if (calls++ !== Number(last)) return
  if (when === "half" && write !== undefined) writevSync(write.fd, [half(write.buffers)], Number(write.position))
  process.kill(process.pid, "SIGKILL")
}

replace({
  writevSync: (fd, buffers, position) => {
    count({ fd, buffers, position })
    return writevSync(fd, buffers, position)
  },
  writev: Object.assign((fd: number, buffers: ReadonlyArray<NodeJS.ArrayBufferView>, position: number, done: never) => {
    count({ fd, buffers, position })
    writev(fd, buffers, position, done)
  }, writev) as typeof writev,
  fdatasyncSync: (fd) => {
    count()
    fdatasyncSync(fd)
  },
  fdatasync: Object.assign((fd: number, done: fs.NoParamCallback) => {
    count()
    fdatasync(fd, done)
  }, fdatasync) as typeof fdatasync
})
