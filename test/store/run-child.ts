import { setTimeout as delay } from 'node:timers/promises'
import { openStore } from '../../src/store/open.ts'
import type { RunTarget } from '../../src/store/store.ts'

/** What the parent passes: the database and what to fetch into it. */
export interface ChildTask {
  readonly url: string
  readonly target: RunTarget
  readonly pages: number
}

export const recordsPerPage = 50

/** The records of one page; the same whenever they are asked for. Keys repeat across pages. */
export function pageOf(number: number): Record<string, unknown>[] {
  return Array.from({ length: recordsPerPage }, (_, index) => {
    const id = number * (recordsPerPage - 10) + index
    return {
      id,
      page: number,
      when: number < 3 ? '2024-01-02' : '2024-01-02T03:04:05Z',
      [`from_${number % 4}`]: id / 4,
    }
  })
}

/** Fetches once, telling each page; the parent kills it somewhere on the way. */
async function fetchOnce({ url, target, pages }: ChildTask): Promise<void> {
  await using store = await openStore(url)
  await using run = await store.runs.begin(target, Date.now())
  const never = new AbortController().signal
  for (let number = Number(run.resumeFrom ?? 0); number < pages; number++) {
    await run.write(pageOf(number), number + 1, never)
    process.stdout.write('.')
    await delay(4)
  }
  await run.finish(Date.now())
}

const task = process.argv[2]
if (task !== undefined && import.meta.filename === process.argv[1]) await fetchOnce(JSON.parse(task) as ChildTask)
