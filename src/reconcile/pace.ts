const sliceMs = 5

/** Lets other work of the process run. */
export function yieldNow(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** Runs `work` over all items and never holds the event loop for much longer than a slice of 5 ms. */
export async function paced<T>(items: Iterable<T>, work: (item: T) => void): Promise<void> {
  let until = performance.now() + sliceMs
  let count = 0
  for (const item of items) {
    work(item)
    count += 1
    if (count % 16 !== 0 || performance.now() < until) continue
    await yieldNow()
    until = performance.now() + sliceMs
  }
}
