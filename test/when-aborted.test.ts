import { describe, expect, it } from 'vitest'
import { whenAborted } from '../src/when-aborted.ts'

describe('listeners that come and go', () => {
  it('are called once each when the signal aborts, but for those that left', () => {
    const abort = new AbortController()
    const called: number[] = []
    const leave = [1, 2, 3, 4].map((each) => whenAborted(abort.signal, () => called.push(each)))
    leave[1]?.()
    leave[1]?.()
    const late = whenAborted(abort.signal, () => called.push(5))
    leave[1]?.()
    abort.abort()
    expect(called.toSorted((one, other) => one - other)).toEqual([1, 3, 4, 5])
    late()
    abort.abort()
    expect(called).toHaveLength(4)
  })

  it('may leave, and others come, while they are called', () => {
    const abort = new AbortController()
    const called: string[] = []
    whenAborted(abort.signal, () => {
      called.push('first')
      second()
      whenAborted(abort.signal, () => called.push('late'))
    })
    const second = whenAborted(abort.signal, () => called.push('second'))
    abort.abort()
    expect(called[0]).toBe('first')
    expect(called).not.toContain('late')
  })
})
