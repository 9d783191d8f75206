import { createReadStream, createWriteStream, fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { isatty, ReadStream, WriteStream } from 'node:tty'
import { HermesError } from '../errors.ts'

/**
 * A descriptor that the process was started with, to read from. Waiting for a pipe, a socket or a terminal keeps no
 * thread, so that it can be given up. Throws `connector_refused` when it is closed.
 */
export function readableOf(descriptor: number): Readable {
  if (isatty(descriptor)) return new ReadStream(descriptor)
  if (isStream(descriptor)) return new Socket({ fd: descriptor, readable: true, writable: false })
  return createReadStream('', { fd: descriptor, autoClose: false })
}

/** As `readableOf`, to write to. */
export function writableOf(descriptor: number): Writable {
  if (isatty(descriptor)) return new WriteStream(descriptor)
  if (isStream(descriptor)) return new Socket({ fd: descriptor, readable: false, writable: true })
  return createWriteStream('', { fd: descriptor, autoClose: false })
}

function isStream(descriptor: number): boolean {
  try {
    const stats = fstatSync(descriptor)
    return stats.isFIFO() || stats.isSocket()
  } catch {
    throw new HermesError('connector_refused', `descriptor ${descriptor} is closed`, {
      fix: 'Start Hermes with its standard streams open.',
    })
  }
}
