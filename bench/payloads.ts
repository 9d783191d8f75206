/** Messages of one batch. */
export const BATCH = 1_000
const BYTES = 300

/** The payloads of one batch: JSON of 300 bytes each. */
export function payloads(): Uint8Array[] {
  return Array.from({ length: BATCH }, (_, id) => {
    const start = `{"id":${id},"symbol":"BTCUSDT","note":"`
    return Buffer.from(`${start}${'x'.repeat(BYTES - start.length - 2)}"}`)
  })
}
