import { asBuffer } from '../redis-client.ts'

/** An entry of a stream. */
export interface StreamEntry {
  readonly id: string
  readonly payload: Buffer
}

/** What a reply with entries says. */
export interface Entries {
  readonly entries: readonly StreamEntry[]
  /** Ids that are still owed to the group, but whose entries the stream does not hold any more. */
  readonly gone: readonly string[]
  /** Id of the last entry, gone or not. */
  readonly last: string | undefined
}

type RawEntry = readonly [Buffer, readonly Buffer[] | null] | null

const nothing: Entries = { entries: [], gone: [], last: undefined }

/** Reads `[[id, [field, value, …]], …]`, as XREADGROUP has it for one stream and XAUTOCLAIM in its second place. */
export function entriesOf(reply: unknown, field: string | undefined): Entries {
  if (!Array.isArray(reply)) return nothing
  const wanted = field === undefined ? undefined : Buffer.from(field)
  const entries: StreamEntry[] = []
  const gone: string[] = []
  let last: string | undefined
  for (const raw of reply as readonly RawEntry[]) {
    if (raw === null) continue
    const [bytes, fields] = raw
    last = bytes.toString('latin1')
    if (fields === null) gone.push(last)
    else entries.push({ id: last, payload: payloadOf(fields, wanted) })
  }
  return { entries, gone, last }
}

/** The entries of the only stream that XREADGROUP was asked for. */
export function readEntries(reply: unknown, field: string | undefined): Entries {
  const [stream] = Array.isArray(reply) ? (reply as readonly (readonly [Buffer, unknown])[]) : []
  return stream === undefined ? nothing : entriesOf(stream[1], field)
}

const ONLY_FIELD = Buffer.from('payload')

function payloadOf(fields: readonly Buffer[], field: Buffer | undefined): Buffer {
  const wanted = field ?? (fields.length === 2 ? ONLY_FIELD : undefined)
  if (wanted !== undefined) {
    for (let at = 0; at < fields.length; at += 2) {
      const value = fields[at + 1]
      if (value !== undefined && fields[at]?.equals(wanted) === true) return asBuffer(value)
    }
    if (field !== undefined) return Buffer.alloc(0)
  }
  const record: [string, string][] = []
  for (let at = 0; at < fields.length; at += 2) record.push([String(fields[at]), String(fields[at + 1])])
  return Buffer.from(JSON.stringify(Object.fromEntries(record)))
}
