import { Histogram, type Registry } from 'prom-client'

/** How values fell into ranges, whose upper bounds ascend; the last count is of what is beyond them. */
export interface Spread {
  readonly bounds: readonly number[]
  readonly counts: readonly number[]
  readonly sum: number
}

/** What one series of a histogram holds. */
export interface HistogramSeries<Label extends string> {
  readonly labels: Readonly<Record<Label, string>>
  readonly spread: Spread
}

export interface ScrapedHistogramOptions<Label extends string> {
  readonly name: string
  readonly help: string
  readonly labels: readonly Label[]
  /** Asked at each scrape. */
  readonly series: () => readonly HistogramSeries<Label>[]
}

/** A histogram that others count: its series are read when it is scraped, and are no more when they are not given. */
export function scrapedHistogram<Label extends string>(
  registers: Registry[],
  options: ScrapedHistogramOptions<Label>,
): Histogram<Label> {
  return new ScrapedHistogram(registers, options)
}

interface Exported {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

class ScrapedHistogram<Label extends string> extends Histogram<Label> {
  readonly #options: ScrapedHistogramOptions<Label>

  constructor(registers: Registry[], options: ScrapedHistogramOptions<Label>) {
    const { name, help, labels } = options
    super({ name, help, registers, labelNames: [...labels] })
    this.#options = options
  }

  /** What the vendor's registry asks for when it writes text, and the vendor's own `get` before it answers. */
  async getForPromString() {
    const { name, help } = this.#options
    return { name, help, type: 'histogram', values: this.#options.series().flatMap((each) => this.#values(each)) }
  }

  #values({ labels, spread }: HistogramSeries<Label>): readonly Exported[] {
    const { name } = this.#options
    const { bounds, counts, sum } = spread
    let count = 0
    const buckets = counts.map((each, range) => {
      count += each
      return { metricName: `${name}_bucket`, labels: { le: bounds[range] ?? '+Inf', ...labels }, value: count }
    })
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    ]
  }
}
