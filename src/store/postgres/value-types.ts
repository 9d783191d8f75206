import { type CustomTypesConfig, types } from 'pg'
import { plainInteger } from '../plain-integer.ts'

// Object identifiers of the server's built-in types.
const int8 = 20
const json = 114
const date = 1082
const timestamp = 1114
const timestamptz = 1184
const jsonb = 3802

/** `2024-01-02 03:04:05.6+00`, as the server prints it in UTC, becomes `2024-01-02T03:04:05.600000Z`. */
export function canonicalTimestamp(text: string): string {
  const match = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/.exec(text)
  return match === null ? text : `${match[1]}T${match[2]}.${(match[3] ?? '').padEnd(6, '0')}Z`
}

const asText = (text: string): string => text

const parsers = new Map<number, (text: string) => unknown>([
  [int8, (text) => plainInteger(BigInt(text))],
  [timestamptz, canonicalTimestamp],
  [date, asText],
  [timestamp, asText],
  [json, asText],
  [jsonb, asText],
])

const builtin = types.getTypeParser as (oid: number, format?: string) => (value: string) => unknown

/** How values come back: integers exact, times and dates and JSON as canonical text, the rest as `pg` gives it. */
export const textTypes: CustomTypesConfig = {
  getTypeParser: (oid: number, format?: string) =>
    (format === 'binary' ? undefined : parsers.get(oid)) ?? builtin(oid, format),
}
