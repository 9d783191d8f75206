import { createHash } from 'node:crypto'
import type { RedisCommand } from './redis-client.ts'

/**
 * A write that a repeat does not do again: the mark of the message is set first, and taken back when the write fails.
 * KEYS: the mark, the target. ARGV: the mark's life in ms, the command, its arguments behind the target.
 */
const onceScript = `if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return 0 end
local reply = redis.pcall(ARGV[2], KEYS[2], unpack(ARGV, 3))
if type(reply) == 'table' and reply.err then redis.call('DEL', KEYS[1]) return reply end
return 1`

/** How repeats are told. */
export interface Once {
  readonly ttlMs: number
  /** SHA-1 of the script. */
  readonly sha: string
}

/** The settings for writing once; `ttlMs` is how long a message is remembered. */
export function onceFor(ttlMs: number): Once {
  return { ttlMs, sha: createHash('sha1').update(onceScript).digest('hex') }
}

/**
 * The command that does `write` unless `mark` says that it was done. The first of a batch brings the script's text, so
 * that the server knows it for the others, whatever happened to the server before.
 */
export function writeOnce(
  [name, target, ...rest]: RedisCommand,
  mark: string,
  once: Once,
  first: boolean,
): RedisCommand {
  const script = first ? (['EVAL', onceScript] as const) : (['EVALSHA', once.sha] as const)
  return [...script, 2, mark, target ?? '', once.ttlMs, name, ...rest]
}
