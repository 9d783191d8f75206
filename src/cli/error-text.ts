import { HermesError, toHermesError } from '../errors.ts'
import type { Output } from './environment.ts'
import { painter } from './paint.ts'
import { placeText } from './place-text.ts'

/**
 * An error for a person: `error[code]: message`, the place, the fix. A stack only for what is no mistake of the user's.
 * `root` is the directory that places are relative to, as the user would write it.
 */
export function errorText(thrown: unknown, output: Output, root?: string): string {
  const error = toHermesError(thrown)
  const paint = painter(output)
  const lines = [`${paint('red', `error[${error.code}]`)}: ${error.message}`]
  if (error.at !== undefined) lines.push(`  at ${placeText(error.at, root)}`)
  lines.push(`  ${paint('cyan', 'fix')}: ${error.fix}`)
  const own = thrown instanceof HermesError && thrown.code !== 'internal'
  if (!own && thrown instanceof Error && thrown.stack !== undefined) lines.push(paint('dim', thrown.stack))
  return `${lines.join('\n')}\n`
}
