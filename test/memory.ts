import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * What is in use once everything else is collected: what ran before in this process leaves nothing that could be freed
 * between two looks. What is cleaned up when its owner is collected goes with a later collection.
 */
export async function memoryInUse(): Promise<NodeJS.MemoryUsage> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let turn = 0; turn < 4; turn += 1) {
    collect()
    await nextTurn()
  }
  return process.memoryUsage()
}

/** Bytes that objects and buffers take; not what sockets write from. */
export async function heldBytes(): Promise<number> {
  const { heapUsed, arrayBuffers } = await memoryInUse()
  return heapUsed + arrayBuffers
}
