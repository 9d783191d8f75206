import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { steps } from '../../src/connectors/steps/index.ts'
import { parseLossless } from '../../src/lossless-json.ts'
import type { Batch, Meta } from '../../src/stream/batch.ts'
import { bytesBatch, valueBatch } from '../../src/stream/batches.ts'
import type { Step, StepConnector, Stepped } from '../../src/stream/step.ts'

export type StepType = keyof typeof steps

export interface StepSubject {
  readonly type: StepType
  readonly config: unknown
  /** JSON texts, of which the step can process each. */
  readonly messages: readonly string[]
  /** Whether messages come out as others than those that came in: not one for one, or with another id. */
  readonly reshapes?: boolean
}

/** The time that tests give to steps. */
export const now = Date.parse('2026-01-01T12:00:00Z')

const ajv = new Ajv2020({ useDefaults: true, strict: false, allErrors: true })
ajv.addFormat('duration', true)

/** Opens a step with a config as its schema allows it, the defaults filled in. */
export function openStep(type: StepType, config: unknown): Step {
  const connector: StepConnector<never> = steps[type]
  return connector.open(configured(type, config) as never)
}

/** A config with its defaults; throws what the schema has against it. */
export function configured(type: StepType, config: unknown): unknown {
  const validate = ajv.compile(steps[type].config)
  const copy: unknown = structuredClone(config)
  if (!validate(copy)) throw new Error(ajv.errorsText(validate.errors))
  return copy
}

/** A batch of JSON texts as a source gives it, with an id for each. */
export function textBatch(texts: readonly string[], position: unknown = 7, from = 0): Batch {
  const metas = texts.map((_, index): Meta => ({ id: `m${from + index}`, key: `k${index % 2}` }))
  return bytesBatch(
    texts.map((text) => new TextEncoder().encode(text)),
    { position, metas },
  )
}

/** What is in a batch, as JSON text: digits as they are written. */
export function textsOf(batch: Batch): string[] {
  return Array.from({ length: batch.size }, (_, index) => new TextDecoder().decode(batch.bytes(index)))
}

export function metasOf(batch: Batch): Meta[] {
  return Array.from({ length: batch.size }, (_, index) => batch.meta(index))
}

/** What one application makes of JSON texts. */
export function applied(type: StepType, config: unknown, ...texts: readonly string[]): Stepped & { texts: string[] } {
  const stepped = openStep(type, config).apply(textBatch(texts), now)
  return { ...stepped, texts: textsOf(stepped.batch) }
}

/** What a step lets through in the end, too. */
function everything(step: Step, batch: Batch): { stepped: Stepped; out: readonly (readonly [string, Meta])[] } {
  const stepped = step.apply(batch, now)
  const flushed = step.flush?.(now, true)
  const batches = flushed === undefined ? [stepped.batch] : [stepped.batch, flushed]
  return { stepped, out: batches.flatMap((each) => textsOf(each).map((text, at) => [text, each.meta(at)] as const)) }
}

function frozen(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    Object.values(value).forEach(frozen)
  }
  return value
}

/** What every step must do. */
export function stepContract(subject: StepSubject): void {
  const { type, config, messages, reshapes = false } = subject
  const open = (): Step => openStep(type, config)

  describe(`${type} as a step`, () => {
    it('has a name, a summary and a description of each field', () => {
      const connector = steps[type]
      expect(connector.type).toBe(type)
      expect(connector.summary).toMatch(/^[A-Z].*\.$/)
      expect(undescribed(connector.config)).toEqual([])
    })

    it('processes its messages and changes none of the values that came in', () => {
      const before = messages.map((text) => JSON.stringify(parseLossless(text)))
      const values = messages.map((text) => frozen(parseLossless(text)))
      const metas = values.map((_, index): Meta => Object.freeze({ id: `m${index}` }))
      const { stepped } = everything(open(), valueBatch(values, 7, metas))
      expect(stepped.failures ?? []).toEqual([])
      expect(values.map((value) => JSON.stringify(value))).toEqual(before)
    })

    it('makes the same of the same', () => {
      expect(everything(open(), textBatch(messages)).out).toEqual(everything(open(), textBatch(messages)).out)
    })

    it('keeps the position, and what is known of each message', () => {
      const batch = textBatch(messages, { offset: 12 })
      const { batch: out, failures = [], filtered = 0 } = open().apply(batch, now)
      expect(out.position).toEqual({ offset: 12 })
      if (reshapes) return
      expect(out.size + failures.length + filtered).toBe(batch.size)
      const known = new Map(metasOf(batch).map((meta) => [meta.id, meta]))
      for (const meta of metasOf(out)) expect(meta).toMatchObject(known.get(meta.id) ?? { id: 'of another message' })
      const order = metasOf(out).map(({ id }) => Number(id?.slice(1)))
      expect(order).toEqual(order.toSorted((a, b) => a - b))
    })

    it('lets an empty batch be', () => {
      const empty = textBatch([])
      const { batch, failures = [], filtered = 0 } = open().apply(empty, now)
      expect([batch.size, batch.position, failures.length, filtered]).toEqual([0, 7, 0, 0])
    })

    it('makes a failure of what is no JSON, or lets it through unread, and never throws', () => {
      const [first = '{}', second = first] = messages
      const utf8 = [first, '{"half": ', second, ''].map((text) => new TextEncoder().encode(text))
      const payloads = [...utf8, new Uint8Array([0x7b, 0xff, 0xfe, 0x7d])]
      const { batch, failures = [], filtered = 0 } = open().apply(bytesBatch(payloads), now)
      expect(failures.every(({ index }) => [1, 3, 4].includes(index))).toBe(true)
      if (failures.length === 0) expect(batch.size + filtered).toBe(payloads.length)
      else expect(failures.map(({ index }) => index)).toEqual([1, 3, 4])
      for (const { reason } of failures) expect(reason).toMatch(/^[a-z]+: .*not JSON/)
    })

    it('never throws for JSON that it did not expect, and says little of it', () => {
      const long = JSON.stringify('x'.repeat(100_000))
      const deep = `${'['.repeat(5_000)}1${']'.repeat(5_000)}`
      const odd = ['null', '1', '"text"', '[]', '{}', long, deep, `{"__proto__": ${long}}`, '1e999']
      const { failures = [] } = open().apply(textBatch(odd), now)
      for (const { reason } of failures) expect(reason.length).toBeLessThanOrEqual(501)
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    })
  })
}

/** Places of a schema that say nothing to whoever reads it. */
function undescribed(schema: Readonly<Record<string, unknown>>, path = ''): string[] {
  const below = Object.entries((schema['properties'] ?? {}) as Record<string, Record<string, unknown>>)
  const items = schema['items'] as Record<string, unknown> | undefined
  const here = path !== '' && schema['description'] === undefined ? [path] : []
  return [
    ...here,
    ...below.flatMap(([name, each]) => undescribed(each, `${path}.${name}`)),
    ...(items?.['properties'] === undefined ? [] : undescribed({ ...items, description: '' }, `${path}[]`)),
  ]
}
