import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { HermesError } from '../../errors.ts'
import { codeOf } from '../file-entry.ts'

/** One run of git. */
export interface GitCall {
  readonly args: readonly string[]
  /** A stream for one that is asked as it runs: it ends with the stream. */
  readonly stdin?: string | Uint8Array | Readable
  /** Beside the settings of its runner. */
  readonly env?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  /** Told whenever git prints something. */
  readonly heard?: () => void
  /** Given what git prints as it comes, which then is not in the answer. Must not throw. */
  readonly output?: (part: Buffer) => void
}

/** How a run of git ended. */
export interface GitAnswer {
  readonly code: number
  readonly stdout: Buffer
  /** The end of it when there is much. */
  readonly stderr: string
}

/**
 * Runs git to its end, whatever its exit code. An abort ends it with all its helpers and throws the signal's reason;
 * `git_missing` when there is no git. No process outlives the call.
 */
export type RunGit = (call: GitCall) => Promise<GitAnswer>

const MAX_OUTPUT = 512 * 1024 * 1024
const MAX_ERROR = 64 * 1024
/** On the first signal Git removes its lock files; after so many milliseconds comes the second. */
const GRACE_MS = 2_000

/** These alone reach git from outside: nothing of the user's or the machine's configuration does, and no GIT_*. */
const inherited = [
  ['PATH', 'TMPDIR', 'SSH_AUTH_SOCK'],
  ['http_proxy', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY', 'no_proxy', 'NO_PROXY'],
  ['SSL_CERT_FILE', 'SSL_CERT_DIR'],
].flat()

const fixed: Readonly<Record<string, string>> = {
  HOME: '/dev/null',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: 'false',
  SSH_ASKPASS: 'false',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_LITERAL_PATHSPECS: '1',
  GIT_NO_REPLACE_OBJECTS: '1',
}

/**
 * Git, or a program that helps it, with these variables, of which a few are passed on, and `env` on top: credentials
 * travel there, never as arguments.
 */
export function gitRunner(
  variables: Readonly<Record<string, string | undefined>>,
  env: Readonly<Record<string, string>> = {},
  program: 'git' | 'gpg' = 'git',
): RunGit {
  const passed = inherited.flatMap((name) => (variables[name] === undefined ? [] : [[name, variables[name]] as const]))
  const base = { ...Object.fromEntries(passed), ...fixed, ...env }
  return async (call) => {
    call.signal.throwIfAborted()
    const child = spawn(program, call.args, { env: { ...base, ...call.env }, stdio: 'pipe', detached: true })
    const closed = once(child, 'close') as Promise<[number | null]>
    let ending: Promise<void> | undefined
    const end = (): void => {
      ending ??= endGroup(child, closed, base)
    }
    call.signal.addEventListener('abort', end, { once: true })
    try {
      return await finish(child, closed, call)
    } catch (error) {
      end()
      await ending
      call.signal.throwIfAborted()
      throw startError(error, program)
    } finally {
      call.signal.removeEventListener('abort', end)
    }
  }
}

async function finish(
  child: ChildProcessWithoutNullStreams,
  closed: Promise<[number | null]>,
  { stdin = '', heard, output, signal }: GitCall,
): Promise<GitAnswer> {
  // Git may end without reading all of its input.
  child.stdin.on('error', () => undefined)
  if (stdin instanceof Readable) stdin.pipe(child.stdin)
  else child.stdin.end(stdin)
  const printed = output === undefined ? collect(child.stdout) : handOn(child.stdout, output)
  const [[code], stdout, stderr] = await Promise.all([closed, printed, endOf(child.stderr, heard)])
  signal.throwIfAborted()
  return { code: code ?? -1, stdout, stderr }
}

/**
 * Git's helpers (a transfer, ssh, a reader of packs) outlive it when it is killed alone: all of its group end. It has one
 * of its own, as `detached` makes it.
 */
async function endGroup(
  child: ChildProcessWithoutNullStreams,
  closed: Promise<unknown>,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  if (child.pid === undefined) return
  const over = closed.then(
    () => true,
    () => true,
  )
  for (const name of ['TERM', 'KILL']) {
    const killer = spawn('sh', ['-c', 'kill -s "$0" -- "-$1"', name, `${child.pid}`], { env, stdio: 'ignore' })
    await once(killer, 'close').catch(() => child.kill('SIGKILL'))
    const timer = new AbortController()
    const late = delay(GRACE_MS, false, { signal: timer.signal }).catch(() => false)
    const isOver = await Promise.race([over, late])
    timer.abort()
    if (isOver) return
  }
}

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of stream) {
    length += part.length
    if (length > MAX_OUTPUT) throw new HermesError('git_failed', `git printed more than ${MAX_OUTPUT} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

async function handOn(stream: AsyncIterable<Buffer>, output: (part: Buffer) => void): Promise<Buffer> {
  for await (const part of stream) output(part)
  return Buffer.alloc(0)
}

async function endOf(stream: AsyncIterable<Buffer>, heard: (() => void) | undefined): Promise<string> {
  let text = ''
  for await (const part of stream) {
    heard?.()
    text = (text + part.toString('utf8')).slice(-MAX_ERROR)
  }
  return text
}

function startError(error: unknown, program: string): unknown {
  if (codeOf(error) !== 'ENOENT') return error
  const fix = `Install ${program}, or correct PATH.`
  return new HermesError('git_missing', `${program} is not installed, or not in PATH`, { fix, cause: error })
}
