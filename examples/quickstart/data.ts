import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'

type Row = Readonly<Record<string, string | number>>
/** Answers a path's parts and the query; undefined when there is nothing of that name. */
export type Route = (parts: readonly string[], query: URLSearchParams) => unknown

const folder = new URL('../../node_modules/vega-datasets/data/', import.meta.url)
const read = (name: string): string => readFileSync(new URL(name, folder), 'utf8')
const numeric = (text: string): string | number => (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text)
const csv = (name: string): Row[] => parse(read(name), { columns: true, cast: numeric })

const prices = Map.groupBy(
  csv('stocks.csv').map((row) => ({ symbol: row.symbol, date: isoDate(String(row.date)), price: row.price })),
  (row) => row.symbol,
)
const earthquakes = (JSON.parse(read('earthquakes.json')) as { features: unknown[] }).features
const flights = JSON.parse(read('flights-2k.json')) as unknown[]
const tradingDays = csv('sp500-2000.csv')

/** `Jan 1 2000` as `2000-01-01`. */
function isoDate(text: string): string {
  return new Date(`${text} UTC`).toISOString().slice(0, 10)
}

/** A whole number of the query within bounds, or what stands for none. */
function count(query: URLSearchParams, name: string, fallback: number, most: number): number {
  const value = Number(query.get(name) ?? fallback)
  return Number.isInteger(value) && value >= 0 ? Math.min(value, most) : fallback
}

/** Pages by number: `?page=2&size=50`. */
function stocks([symbol = '']: readonly string[], query: URLSearchParams): unknown {
  const all = prices.get(symbol)
  const size = count(query, 'size', 50, 100)
  const from = (count(query, 'page', 1, 1e6) - 1) * size
  return all && { symbol, total: all.length, prices: all.slice(from, from + size) }
}

/** A window: `?offset=500&limit=500`. */
function quakes(_: readonly string[], query: URLSearchParams): unknown {
  const from = count(query, 'offset', 0, 1e9)
  const features = earthquakes.slice(from, from + count(query, 'limit', 100, 500))
  return { type: 'FeatureCollection', metadata: { count: earthquakes.length }, features }
}

/** An opaque cursor: `?cursor=b2Zmc2V0OjUwMA`, given back until the last page. */
function flightList(_: readonly string[], query: URLSearchParams): unknown {
  const from =
    Number(
      Buffer.from(query.get('cursor') ?? '', 'base64url')
        .toString()
        .slice('offset:'.length),
    ) || 0
  const next = from + 500
  const cursor = next < flights.length ? Buffer.from(`offset:${next}`).toString('base64url') : null
  return { flights: flights.slice(from, next), meta: { next: cursor } }
}

/** Days after `?after=2000-01-03`: a year to begin with, then five more at each request, as if time went by. */
function index(_: readonly string[], query: URLSearchParams): unknown {
  const after = query.get('after')
  const days = tradingDays.filter((day) => after === null || String(day.date) > after)
  return { days: days.slice(0, after === null ? 250 : 5) }
}

export const routes: readonly (readonly [RegExp, Route])[] = [
  [/^\/v1\/stocks\/([A-Z]+)$/, stocks],
  [/^\/v1\/earthquakes$/, quakes],
  [/^\/v1\/flights$/, flightList],
  [/^\/v1\/index\/sp500$/, index],
]
