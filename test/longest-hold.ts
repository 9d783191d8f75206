/**
 * The longest that `work` keeps this thread from everything else, in milliseconds. It is the thread's own time that counts:
 * on a busy machine a thread also waits for its turn, and nothing it does is to blame for that.
 */
export async function longestHold(work: () => Promise<void>): Promise<number> {
  let longest = 0
  let last = process.threadCpuUsage()
  const look = (): void => {
    const { user, system } = process.threadCpuUsage(last)
    longest = Math.max(longest, (user + system) / 1_000)
    last = process.threadCpuUsage()
  }
  const timer = setInterval(look, 1)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  look()
  return longest
}
