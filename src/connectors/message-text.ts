import { HermesError } from '../errors.ts'
import type { Batch, Meta } from '../stream/batch.ts'

/** A text of the configuration that may be another one for each message. */
export interface MessageText {
  /** The text when it is the same for all messages: none of them needs to be parsed for it. */
  readonly constant?: string
  /** The text for one message of a batch. Throws `expression_type`, and `message_invalid` for a payload that is not JSON. */
  of(batch: Batch, index: number): string
}

const scope = { message: 'dyn', meta: { id: 'string', key: 'string', route: 'string' } } as const

/** Compiles a template over `message` and `meta`. Throws `expression_syntax` or `expression_type`. */
export async function messageText(text: string): Promise<MessageText> {
  if (!text.includes('${')) return constantText(text)
  const { compileTemplate } = await import('../manifest/template.ts')
  const template = compileTemplate(text, scope)
  if (template.references.length === 0) return constantText(String(template.evaluate({})))
  const wantsMessage = template.references.some((each) => each.split('.')[0] === 'message')
  return {
    of: (batch, index) => {
      const meta = metaOf(batch.meta(index))
      return textOf(template.evaluate(wantsMessage ? { message: batch.value(index), meta } : { meta }), text)
    },
  }
}

function constantText(constant: string): MessageText {
  return { constant, of: () => constant }
}

function metaOf({ id = '', key = '', route = '' }: Meta): Required<Omit<Meta, 'attempts'>> {
  return { id, key, route }
}

function textOf(value: unknown, text: string): string {
  if ((typeof value === 'string' && value !== '') || typeof value === 'number') return String(value)
  throw new HermesError('expression_type', `${text} gives no text for this message`)
}
