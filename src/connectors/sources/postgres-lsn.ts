/** A place in the write-ahead log, as the server writes it: `16/B374D848`. */
export function lsnText(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`.toUpperCase()
}

/** Throws RangeError for what is none. */
export function parseLsn(text: string): bigint {
  const [, high, low] = /^([0-9a-f]{1,8})\/([0-9a-f]{1,8})$/i.exec(text) ?? []
  if (high === undefined || low === undefined) throw new RangeError('not a place in the write-ahead log')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

const EPOCH_MS = 946_684_800_000

/** A time of the replication protocol, microseconds since 2000, in ISO 8601 with all of them. */
export function protocolTime(micros: bigint): string {
  const rest = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n
  const iso = new Date(Number((micros - rest) / 1_000n) + EPOCH_MS).toISOString()
  return `${iso.slice(0, -5)}.${rest.toString().padStart(6, '0')}Z`
}

/** Now, as the replication protocol has it. */
export function protocolNow(nowMs: number): bigint {
  return BigInt(Math.trunc(nowMs) - EPOCH_MS) * 1_000n
}
