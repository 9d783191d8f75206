import { afterEach, describe, expect, it } from 'vitest'
import type { RateLimitConfig } from '../../src/connectors/http-connection-config.ts'
import { type Limiter, openLimiter } from '../../src/connectors/limiter.ts'
import { client, failure, get, started } from './clients.ts'
import { never } from './opened.ts'

const opened: Limiter[] = []
afterEach(async () => {
  for (const limiter of opened.splice(0)) await limiter.close()
})

async function open(limits: RateLimitConfig): Promise<Limiter> {
  const limiter = await openLimiter(limits)
  opened.push(limiter)
  return limiter
}

/** Starts so many jobs at once; the milliseconds at which each ran, from the first. */
async function starts(limiter: Limiter, count: number): Promise<number[]> {
  const times: number[] = []
  await Promise.all(
    Array.from({ length: count }, () => limiter.run(async () => void times.push(performance.now()), never)),
  )
  return times.map((time) => time - (times[0] ?? 0))
}

/** The most that fall into one interval, wherever it begins; a timer may be a millisecond early. */
function mostWithin(times: readonly number[], ms: number): number {
  return Math.max(...times.map((from) => times.filter((time) => time >= from && time < from + ms - 2).length))
}

describe('a limiter', () => {
  it('lets no interval see more than its requests, and wastes none', async () => {
    const times = await starts(await open({ requests: 5, per: '200ms' }), 18)
    expect(mostWithin(times, 200)).toBe(5)
    expect(times.at(-1)).toBeGreaterThanOrEqual(598)
    expect(times.at(-1)).toBeLessThan(3_000)
  })

  it('spreads them with a burst of one', async () => {
    const times = await starts(await open({ requests: 10, per: '500ms', burst: 1 }), 6)
    expect(mostWithin(times, 50)).toBe(1)
    expect(times.at(-1)).toBeLessThan(3_000)
  })

  it('keeps so many under way at once', async () => {
    const limiter = await open({ concurrency: 3 })
    let running = 0
    let most = 0
    const job = async (): Promise<void> => {
      running += 1
      most = Math.max(most, running)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running -= 1
    }
    await Promise.all(Array.from({ length: 12 }, () => limiter.run(job, never)))
    expect(most).toBe(3)
  })

  it('hands on what a job gives and what it throws', async () => {
    const limiter = await open({ concurrency: 1 })
    expect(await limiter.run(async () => 7, never)).toBe(7)
    await expect(limiter.run(() => Promise.reject(new Error('no')), never)).rejects.toThrow('no')
    expect(await limiter.run(async () => 8, never)).toBe(8)
  })

  it('lets a job that waits leave without using up what it waited for', async () => {
    const limiter = await open({ requests: 1, per: '1s' })
    const abort = new AbortController()
    await limiter.run(async () => undefined, never)
    const leaving = limiter.run(async () => 'ran', abort.signal)
    const staying = limiter.run(async () => performance.now(), never)
    abort.abort(new Error('gone'))
    const before = performance.now()
    await expect(leaving).rejects.toThrow('gone')
    expect((await staying) - before).toBeLessThan(1_900)
  })

  it('costs little a job', async () => {
    const limiter = await open({ requests: 1_000_000, concurrency: 100 })
    const before = performance.now()
    await starts(limiter, 500)
    expect((performance.now() - before) / 500).toBeLessThan(2)
  })

  it('rejects what waits when it closes', async () => {
    const limiter = await open({ requests: 1, per: '1h' })
    await limiter.run(async () => undefined, never)
    const waiting = limiter.run(async () => undefined, never)
    await Promise.all([expect(waiting).rejects.toThrow(), limiter.close()])
  })
})

describe('a Connection with a rate limit', () => {
  // Server and client share this process: on a busy machine arrivals bunch up that were sent apart.
  it('holds every request under it: pages, tries and redirects of all that share it', { retry: 3 }, async () => {
    const arrivals: number[] = []
    const server = await started(({ url }, response) => {
      arrivals.push(performance.now())
      if (url.pathname === '/end') return []
      response.writeHead(302, { location: '/end' }).end()
      return undefined
    })
    const http = client({ url: server.url, rateLimit: { requests: 3, per: '150ms' } })
    await Promise.all([1, 2, 3, 4].map(() => http.request(get, never)))
    expect(arrivals.length).toBe(8)
    expect(mostWithin(arrivals, 130)).toBeLessThanOrEqual(3)
  })

  it('is closed while requests wait for their turn', async () => {
    const server = await started(() => [])
    const http = client({ url: server.url, rateLimit: { requests: 1, per: '1h' } })
    await http.request(get, never)
    const waiting = failure(http.request(get, never))
    await new Promise((resolve) => setTimeout(resolve, 20))
    await http.close()
    expect((await waiting).message).toContain('the Connection is closed')
  })
})
