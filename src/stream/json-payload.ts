import { HermesError } from '../errors.ts'
import { parseLossless } from '../lossless-json.ts'

const decoder = new TextDecoder('utf-8', { fatal: true })

/** What is nested deeper can be read, but not written again; databases refuse it too. */
const MOST_LEVELS = 1_000

/** The value of a payload of JSON in UTF-8. Throws `message_invalid`. */
export function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length > 2 * MOST_LEVELS && isTooDeep(bytes)) {
    throw new HermesError('message_invalid', `the payload is nested deeper than ${MOST_LEVELS} levels`)
  }
  try {
    return parseLossless(decoder.decode(bytes))
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'it is not UTF-8'
    throw new HermesError('message_invalid', `the payload is not JSON: ${reason}`)
  }
}

function isTooDeep(bytes: Uint8Array): boolean {
  let depth = 0
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index]
    if (byte === 0x22) index = endOfText(bytes, index)
    else if (byte === 0x5b || byte === 0x7b) {
      depth += 1
      if (depth > MOST_LEVELS) return true
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1
  }
  return false
}

/** The closing quote of a text that begins here. */
function endOfText(bytes: Uint8Array, start: number): number {
  let index = start + 1
  while (index < bytes.length && bytes[index] !== 0x22) index += bytes[index] === 0x5c ? 2 : 1
  return index
}
