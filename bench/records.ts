/** A record of the fetch benches: about 200 bytes of JSON. */
export interface BenchRecord {
  readonly id: number
  readonly symbol: string
  readonly at: string
  readonly price: number
  readonly volume: number
  readonly side: string
  readonly venue: string
  readonly note: string
}

const epoch = Date.UTC(2026, 0, 1)
const venues = ['XNYS', 'XNAS', 'XLON', 'XETR'] as const

/** The same record for the same number, always. */
export function record(index: number): BenchRecord {
  return {
    id: 1_000_000_000 + index,
    symbol: `SYM${String(index % 500).padStart(3, '0')}`,
    at: new Date(epoch + index * 37).toISOString(),
    price: ((index * 7919) % 1_000_003) / 64,
    volume: (index * 104_729) % 1_000_000_007,
    side: index % 2 === 0 ? 'buy' : 'sell',
    venue: venues[index % venues.length] ?? 'XNYS',
    note: `trade ${index} of the bench, as plain text of a usual length é`,
  }
}

/** The columns as a manifest declares them. */
export const columns = {
  id: 'bigint',
  symbol: 'text',
  at: 'timestamptz',
  price: 'double',
  volume: 'bigint',
  side: 'text',
  venue: 'text',
  note: 'text',
} as const

export const columnNames = Object.keys(columns) as (keyof typeof columns)[]
