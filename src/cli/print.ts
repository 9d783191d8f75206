import { Option } from 'commander'
import { isRawNumber, rawNumber } from '../lossless-json.ts'
import type { Output } from './environment.ts'

export type Format = 'table' | 'json' | 'yaml'

/** `--output table|json|yaml`. */
export function outputOption(formats: readonly string[] = ['table', 'json', 'yaml']): Option {
  return new Option('-o, --output <format>', 'how to print').choices(formats).default(formats[0])
}

/** Prints `data` as JSON or YAML, or what `table` makes of it. */
export async function print(output: Output, format: unknown, data: unknown, table: () => string): Promise<void> {
  output.write(format === 'json' ? formatJson(data) : format === 'yaml' ? await formatYaml(data) : table())
}

export function formatJson(data: unknown): string {
  return `${JSON.stringify(data, plainValue, 2)}\n`
}

async function formatYaml(data: unknown): Promise<string> {
  const { stringify } = await import('yaml')
  return stringify(data, yamlValue, { lineWidth: 0, aliasDuplicateObjects: false })
}

/** Rows hold what JSON has no notion of. */
function plainValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return rawNumber(String(value))
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  return value
}

function yamlValue(_key: unknown, value: unknown): unknown {
  if (isRawNumber(value)) return /^-?\d+$/.test(value.rawJSON) ? BigInt(value.rawJSON) : value.rawJSON
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  return value
}
