import { describe, expect, it } from 'vitest'
import { Queue } from '../../src/reconcile/queue.ts'

describe('the queue', () => {
  it('gives what a user changed before what is only looked at again', () => {
    const queue = new Queue()
    queue.add('a', 'resync')
    queue.add('b', 'resync')
    queue.add('b')
    expect(queue.take(0)).toEqual(['b'])
    expect(queue.take(0)).toEqual(['a'])
    expect(queue.take(0)).toEqual([])
  })

  it('never gives a key whose lap runs, and gives it again afterwards when it was added meanwhile', () => {
    const queue = new Queue()
    queue.add('a')
    queue.take(0)
    queue.add('a')
    queue.add('a', 'resync')
    expect(queue.take(0)).toEqual([])
    expect(queue.idle).toBe(false)
    queue.done('a')
    expect(queue.take(0)).toEqual(['a'])
    queue.add('a', 'resync')
    queue.done('a')
    expect(queue.idle).toBe(true)
  })

  it('gives what was put off when its time comes, or at once when it is added', () => {
    const queue = new Queue()
    queue.later('a', 100)
    queue.later('b', 50)
    queue.later('c', 200)
    expect([queue.idle, queue.nextAt]).toEqual([true, 50])
    expect(queue.take(49)).toEqual([])
    expect(queue.take(100)).toEqual(['a', 'b'])
    expect(queue.nextAt).toBe(200)
    queue.add('c')
    expect(queue.take(100)).toEqual(['c'])
    queue.done('c')
    expect(queue.take(1_000)).toEqual([])
    queue.later('d', 5)
    queue.drop('d')
    expect(queue.take(1_000)).toEqual([])
  })
})
