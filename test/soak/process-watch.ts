import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** What a process holds at a moment. */
export interface Sample {
  readonly rssMb: number
  /** Files, sockets and what else it has open. */
  readonly handles: number
  /** Of the files below a directory. */
  readonly bytes: number
}

/** Looks at a process as the system shows it, and at what its buffers take on the disk. Linux only. */
export async function sampleOf(pid: number, directory: string): Promise<Sample> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const [, kilobytes = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? []
  const { length: handles } = await readdir(`/proc/${pid}/fd`)
  return { rssMb: Number(kilobytes) / 1_024, handles, bytes: await bytesBelow(directory) }
}

async function bytesBelow(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true }).catch(() => [])
  const sizes = await Promise.all(entries.map((name) => stat(join(directory, name)).catch(() => undefined)))
  return sizes.reduce((sum, found) => sum + (found?.isFile() === true ? found.size : 0), 0)
}

/** The middle one of numbers, of the given third of them. */
export function medianOfThird(numbers: readonly number[], third: 1 | 2 | 3): number {
  const length = Math.floor(numbers.length / 3)
  const own = numbers.slice(length * (third - 1), third === 3 ? numbers.length : length * third)
  return own.toSorted((a, b) => a - b)[own.length >> 1] ?? 0
}
