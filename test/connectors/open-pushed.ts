import { Ajv2020 } from 'ajv/dist/2020.js'
import type { WebhookContext } from '../../src/connectors/sources/webhook.ts'
import type { Connector, Log } from '../../src/stream/connector.ts'
import type { Source } from '../../src/stream/source.ts'
import { contextOf } from './opened.ts'

const ajv = new Ajv2020({ useDefaults: true, strict: false, allErrors: true })
ajv.addFormat('duration', true)

/** Opens a connector that need not be in the registry, its defaults filled in. */
export function openPushed<Config>(
  connector: Connector<Source, Config>,
  config: object,
  parts: Partial<WebhookContext> = {},
): Promise<Source> {
  const validate = ajv.compile(connector.config)
  const copy: unknown = structuredClone(config)
  if (!validate(copy)) throw new Error(ajv.errorsText(validate.errors))
  return connector.open(copy as Config, { ...contextOf(parts), ...parts })
}

/** One line of a log. */
export interface Line {
  readonly level: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A log that keeps its lines. */
export function keepingLog(lines: Line[] = [], bound: object = {}): Log & { readonly lines: Line[] } {
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, message, fields: { ...bound, ...fields } })
  }
  const child = (fields: object) => keepingLog(lines, { ...bound, ...fields })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child, lines }
}

/** Reads in the background, each message as its text. */
export function reading(source: Source) {
  const stop = new AbortController()
  const abort = new AbortController()
  const sizes: number[] = []
  const texts: string[] = []
  const positions: unknown[] = []
  const decoder = new TextDecoder()
  const run = async (): Promise<void> => {
    for await (const batch of source.read(undefined, stop.signal, abort.signal)) {
      sizes.push(batch.size)
      positions.push(batch.position)
      for (let index = 0; index < batch.size; index += 1) texts.push(decoder.decode(batch.bytes(index)))
    }
  }
  const ended = run()
  ended.catch(() => undefined)
  return { stop, abort, sizes, texts, positions, ended }
}

/** Resolves when it is so; throws after ten seconds. */
export async function eventually(isSo: () => boolean, what = String(isSo)): Promise<void> {
  const end = performance.now() + 10_000
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`not within 10 s: ${what}`)
    await new Promise((resolve) => {
      setTimeout(resolve, 2)
    })
  }
}
