import * as fc from 'fast-check'

/** A message of the property tests: `time` in milliseconds, `key` and a whole number. */
export interface Event {
  readonly time: number
  readonly key: string
  readonly n: number
}

export interface ModelRules {
  readonly sizeMs: number
  readonly everyMs: number
  readonly latenessMs: number
}

/** Aggregates as a person would with pencil and paper: every window is looked for, every group computed at the end. */
export function model(
  events: readonly Event[],
  { sizeMs, everyMs, latenessMs }: ModelRules,
): {
  readonly results: ReadonlyMap<string, unknown>
  /** Places of the events that count nowhere. */
  readonly late: ReadonlySet<number>
} {
  let greatest = Number.NEGATIVE_INFINITY
  const late = new Set<number>()
  const members = new Map<string, { start: number; events: Event[] }>()
  for (const [place, event] of events.entries()) {
    let counted = false
    for (let start = -20 * everyMs; start <= event.time; start += everyMs) {
      const isInside = event.time < start + sizeMs
      if (!isInside || start + sizeMs <= greatest - latenessMs) continue
      counted = true
      const id = `${JSON.stringify([event.key])}@${new Date(start).toISOString()}`
      const known = members.get(id) ?? { start, events: [] }
      known.events.push(event)
      members.set(id, known)
    }
    if (!counted) late.add(place)
    greatest = Math.max(greatest, event.time)
  }
  const results = [...members].map(([id, group]) => [id, summary(group, sizeMs)] as const)
  return { results: new Map(results), late }
}

function summary({ start, events }: { start: number; events: Event[] }, sizeMs: number): unknown {
  const numbers = events.map(({ n }) => n)
  const inTime = events.toSorted((a, b) => a.time - b.time)
  const sum = numbers.reduce((total, each) => total + each, 0)
  return {
    key: events[0]?.key,
    start: new Date(start).toISOString(),
    end: new Date(start + sizeMs).toISOString(),
    count: events.length,
    sum,
    avg: sum / events.length,
    min: Math.min(...numbers),
    max: Math.max(...numbers),
    first: inTime[0]?.n,
    last: inTime.at(-1)?.n,
  }
}

/** All aggregations of `n`, by `key`. */
export function configOf({ sizeMs, everyMs, latenessMs }: ModelRules): object {
  const n = 'message.n'
  return {
    window: `${sizeMs}ms`,
    every: `${everyMs}ms`,
    lateness: `${latenessMs}ms`,
    time: 'message.time',
    by: { key: 'message.key' },
    values: {
      count: { count: 'true' },
      ...Object.fromEntries(['sum', 'avg', 'min', 'max', 'first', 'last'].map((name) => [name, { [name]: n }])),
    },
  }
}

const sizes = fc.constantFrom([10, 10], [10, 5], [12, 4], [10, 4], [7, 3], [30, 10])

export const rules: fc.Arbitrary<ModelRules> = fc
  .tuple(sizes, fc.constantFrom(0, 3, 15))
  .map(([[sizeMs = 10, everyMs = 10], latenessMs]) => ({ sizeMs, everyMs, latenessMs }))

/** Time goes on, but events come out of order by up to 20 milliseconds. */
export const batches: fc.Arbitrary<readonly (readonly Event[])[]> = fc
  .array(
    fc.array(fc.record({ late: fc.nat(20), key: fc.constantFrom('a', 'b'), n: fc.integer({ min: -9, max: 9 }) }), {
      maxLength: 4,
    }),
    { maxLength: 15 },
  )
  .map((all) => {
    let time = 30
    return all.map((events) =>
      events.map(({ late, key, n }): Event => {
        time += 3
        return { time: time - late, key, n }
      }),
    )
  })
