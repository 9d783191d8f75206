import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'vitest'
import { HermesError } from '../../src/errors.ts'
import type { Batch } from '../../src/stream/batch.ts'
import { bytesBatch } from '../../src/stream/batches.ts'
import type { Connector, Context } from '../../src/stream/connector.ts'
import type { Source } from '../../src/stream/source.ts'
import { contextOf } from './opened.ts'

const ajv = new Ajv2020({ useDefaults: true, strict: false, allErrors: true })
ajv.addFormat('duration', true)

/** Opens a connector as a workflow would: its config checked against its schema, defaults filled in. */
export function opened<T, Config>(
  connector: Connector<T, Config>,
  config: object,
  parts: Partial<Context> = {},
): Promise<T> {
  const validate = ajv.compile(connector.config)
  const copy: unknown = structuredClone(config)
  if (!validate(copy)) throw new Error(ajv.errorsText(validate.errors))
  return connector.open(copy as Config, contextOf(parts))
}

const encoder = new TextEncoder()

/** Messages with these payloads, and ids when they are given. */
export function messages(payloads: readonly (string | Uint8Array)[], ids?: readonly (string | undefined)[]): Batch {
  const bytes = payloads.map((each) => (typeof each === 'string' ? encoder.encode(each) : each))
  if (ids === undefined) return bytesBatch(bytes)
  return bytesBatch(bytes, { metas: ids.map((id) => (id === undefined ? {} : { id })) })
}

export function texts(batch: Batch): string[] {
  return Array.from({ length: batch.size }, (_, index) => Buffer.from(batch.bytes(index)).toString())
}

/** Reads from a source that never ends. */
export interface Reading extends AsyncDisposable {
  /** Every payload so far, as text. */
  readonly got: string[]
  readonly batches: Batch[]
  /** What reading ended with. */
  readonly ended: Promise<unknown>
  /** Until so many messages are there. */
  until(count: number, ms?: number): Promise<void>
  stop(): void
}

/** Reads in the background; each batch is acknowledged when it says so. */
export function reading(source: Source, acknowledge = false): Reading {
  const stop = new AbortController()
  const got: string[] = []
  const batches: Batch[] = []
  const read = async (): Promise<unknown> => {
    for await (const batch of source.read(undefined, stop.signal, new AbortController().signal)) {
      got.push(...texts(batch))
      batches.push(batch)
      if (acknowledge) source.ack?.(batch.position)
    }
    return undefined
  }
  const ended = read().catch((error: unknown) => error)
  return {
    got,
    batches,
    ended,
    until: (count, ms) => eventually(() => expect(got.length).toBeGreaterThanOrEqual(count), ms),
    stop: () => stop.abort(),
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await ended
    },
  }
}

/** Until it does not throw any more; what it throws in the end is thrown. */
export async function eventually(check: () => unknown, ms = 5_000): Promise<void> {
  const until = performance.now() + ms
  for (;;) {
    try {
      await check()
      return
    } catch (error) {
      if (performance.now() > until) throw error
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

/** The error that it must end in. */
export async function thrown(work: Promise<unknown>): Promise<HermesError> {
  const error: unknown = await work.then(
    () => 'it succeeded',
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(HermesError)
  return error as HermesError
}
