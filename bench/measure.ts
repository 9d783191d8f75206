/** One side of a comparison: does the work once and says how long it took. */
export type Side<T> = () => Promise<T>

/** Runs A B A B …, so that whatever slows the machine down slows both. */
export async function interleave<A, B>(rounds: number, a: Side<A>, b: Side<B>): Promise<{ a: A[]; b: B[] }> {
  const taken: { a: A[]; b: B[] } = { a: [], b: [] }
  for (let round = 0; round < rounds; round += 1) {
    taken.a.push(await a())
    taken.b.push(await b())
  }
  return taken
}

/** The value below which the share `at` of the values lies. */
export function quantile(values: readonly number[], at: number): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * at) - 1)] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** `3.1 (3.0–3.4)`: the median and the range. */
export function spread(values: readonly number[], digits = 1): string {
  const [low, middle, high] = [Math.min(...values), median(values), Math.max(...values)].map((value) =>
    value.toFixed(digits),
  )
  return `${middle} (${low}–${high})`
}

/** One figure of a bench and the bar it must reach. */
export interface Figure {
  readonly what: string
  readonly measured: string
  readonly bar: string
  readonly met: boolean
}

export function atMost(what: string, value: number, bar: number, show: (value: number) => string): Figure {
  return { what, measured: show(value), bar: `≤ ${show(bar)}`, met: value <= bar }
}

export function atLeast(what: string, value: number, bar: number, show: (value: number) => string): Figure {
  return { what, measured: show(value), bar: `≥ ${show(bar)}`, met: value >= bar }
}

export const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`
export const milliseconds = (ms: number): string => `${ms.toFixed(ms < 10 ? 1 : 0)} ms`
export const seconds = (value: number): string => `${value.toFixed(2)} s`
export const ratio = (value: number): string => value.toFixed(2)
export const perSecond = (value: number): string => `${Math.round(value / 1000)}k/s`
