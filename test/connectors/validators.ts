import type { ValidatorConnector } from '../../src/connectors/validators/validator.ts'
import type { Batch } from '../../src/stream/batch.ts'
import { bytesBatch } from '../../src/stream/batches.ts'

/** A batch of payloads as they come from a source, with ids m0, m1, …. */
export function payloads(...given: readonly (string | Uint8Array)[]): Batch {
  const bytes = given.map((each) => (typeof each === 'string' ? new TextEncoder().encode(each) : each))
  return bytesBatch(bytes, { position: 7, metas: bytes.map((_, index) => ({ id: `m${index}` })) })
}

/** What a validator makes of payloads: JSON of the values that passed, and the reasons of the others by their index. */
export async function validated<Config>(
  validator: ValidatorConnector<Config>,
  config: Config,
  ...given: readonly (string | Uint8Array)[]
): Promise<{ readonly passed: readonly string[]; readonly failed: Readonly<Record<number, string>> }> {
  const step = await validator.open(config)
  const { batch, failures = [] } = step.apply(payloads(...given), 0)
  const passed = Array.from({ length: batch.size }, (_, index) => Buffer.from(batch.bytes(index)).toString())
  return { passed, failed: Object.fromEntries(failures.map(({ index, reason }) => [index, reason])) }
}

/** Bytes from hexadecimal digits; blanks are for the reader. */
export function hex(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits.replaceAll(/\s/g, ''), 'hex'))
}
