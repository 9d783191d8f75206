import { describe, expect, it } from 'vitest'
import { WriteWindow } from '../../src/stream/write-window.ts'

function after(window: WriteWindow, writes: number, ms: number, isFull: boolean): number {
  for (let write = 0; write < writes; write += 1) window.wrote(ms, isFull)
  return window.writes
}

describe('the window of writes', () => {
  it('grows by one with each round that was full and fast, up to its bound', () => {
    const window = new WriteWindow(16)
    expect(window.writes).toBe(4)
    expect(after(window, 4, 5, true)).toBe(4)
    expect(after(window, 1, 5, true)).toBe(5)
    expect(after(window, 1_000, 5, true)).toBe(16)
  })

  it('stays as it is while there is less to write', () => {
    expect(after(new WriteWindow(16), 1_000, 5, false)).toBe(4)
  })

  it('is halved by a failure, and by a write that took much longer than usual, down to one', () => {
    const window = new WriteWindow(16)
    after(window, 1_000, 5, true)
    window.failed()
    expect(window.writes).toBe(8)
    expect(after(window, 1, 70, true)).toBe(4)
    expect(after(window, 20, 1_000, true)).toBe(1)
  })

  it('takes a sink that is slow from the beginning as it is, and one that became slow in time', () => {
    expect(after(new WriteWindow(8), 200, 400, true)).toBe(8)
    const window = new WriteWindow(8)
    after(window, 100, 10, true)
    expect(after(window, 1_000, 200, true)).toBe(8)
  })

  it('never opens where one write is the most', () => {
    expect(after(new WriteWindow(1), 100, 5, true)).toBe(1)
  })
})
