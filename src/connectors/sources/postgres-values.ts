import type { ToJson } from './postgres-array.ts'

const asText: ToJson = (text) => JSON.stringify(text)

/** The digits as the server gives them; what JSON has no number for (NaN, Infinity) is text. */
const asNumber: ToJson = (text) => (/^-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$/.test(text) ? text : JSON.stringify(text))

const asBoolean: ToJson = (text) => (text === 't' ? 'true' : 'false')

/** Line ends of a `json` value stand between its parts only: a message is one line. */
const asJson: ToJson = (text) => (/[\n\r\t]/.test(text) ? text.replaceAll(/[\n\r\t]/g, ' ') : text)

const asBase64: ToJson = (text) => `"${Buffer.from(text.replace(/^\\x/, ''), 'hex').toString('base64')}"`

const moment = /^\d{4,}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?:\+00)?$/

/** ISO 8601, the zone that sessions are set to as `Z`; infinity and years before Christ stay as the server writes them. */
const asMoment: ToJson = (text) =>
  moment.test(text) ? `"${text.replace(' ', 'T').replace('+00', 'Z')}"` : JSON.stringify(text)

/** The server's own types that are not text, by their fixed ids. */
const decoders: ReadonlyMap<number, ToJson> = new Map<number, ToJson>([
  [16, asBoolean],
  [17, asBase64],
  [20, asNumber], // int8
  [21, asNumber], // int2
  [23, asNumber], // int4
  [26, asNumber], // oid
  [114, asJson],
  [700, asNumber], // float4
  [701, asNumber], // float8
  [1114, asMoment], // timestamp
  [1184, asMoment], // timestamptz
  [1700, asNumber], // numeric
  [3802, asJson], // jsonb
])

const texts: ReadonlySet<number> = new Set([18, 19, 25, 1042, 1043, 1082, 1083, 1186, 1266, 2950])

/** How a type of a fixed id is written as JSON; undefined for one that the server has to be asked about. */
export function knownType(type: number): ToJson | undefined {
  return decoders.get(type) ?? (texts.has(type) ? asText : undefined)
}

/** For types of which no more is known: enums, composites, ranges, what extensions bring. */
export const textType = asText
