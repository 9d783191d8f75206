import { type Batch, type Meta, noMeta, type Position } from './batch.ts'
import { valueBatch } from './batches.ts'
import type { DeadLetter } from './dead-letter.ts'

/** A dead letter as a message. */
export interface LetterMessage {
  readonly workflow: string
  /** RFC 3339, UTC. */
  readonly at: string
  readonly stage: string
  readonly reason: string
  readonly attempts: number
  readonly id?: string
  readonly key?: string
  readonly route?: string
  readonly position?: unknown
  /** As text, or in Base64 where it is no UTF-8. */
  readonly payload: string
  readonly encoding: 'utf-8' | 'base64'
}

/** Letters as messages. The same letter has the same id, under which a sink can tell that it had it before. */
export function letterBatch(workflow: string, letters: readonly DeadLetter[], position?: Position): Batch {
  return valueBatch(
    letters.map((letter) => letterMessage(workflow, letter)),
    position,
    letters.map((letter) => letterMeta(letter)),
  )
}

/** A letter as JSON has it; a payload that is no text stands there in Base64. */
export function letterMessage(workflow: string, letter: DeadLetter): LetterMessage {
  const { at, stage, reason, attempts, meta, position } = letter
  const { id, key, route } = meta
  return {
    workflow,
    at: new Date(at).toISOString(),
    stage,
    reason,
    attempts,
    ...(id === undefined ? {} : { id }),
    ...(key === undefined ? {} : { key }),
    ...(route === undefined ? {} : { route }),
    ...(position === undefined ? {} : { position }),
    ...payloadText(letter.payload),
  }
}

/** A payload as a text that gives the same bytes again. */
export function payloadText(payload: Uint8Array): Pick<LetterMessage, 'payload' | 'encoding'> {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  const text = bytes.toString('utf8')
  const isText = bytes.equals(Buffer.from(text))
  return { payload: isText ? text : bytes.toString('base64'), encoding: isText ? 'utf-8' : 'base64' }
}

function letterMeta({ meta: { id, key }, stage }: DeadLetter): Meta {
  if (id === undefined && key === undefined) return noMeta
  return { ...(id === undefined ? {} : { id: `${stage}/${id}` }), ...(key === undefined ? {} : { key }) }
}
