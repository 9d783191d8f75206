import { type ErrorCode, HermesError } from '../../errors.ts'
import { codeOf } from '../file-entry.ts'
import type { GitAnswer } from './git-command.ts'

/** What git says (in its C locale), and what that means. The first that matches counts. */
const meanings: readonly (readonly [RegExp, ErrorCode])[] = [
  [
    /No space left on device|Disk quota exceeded|File too large|died of signal 25|unable to write (?:sha1 file|loose object)/i,
    'disk_full',
  ],
  [/cannot run (?:ssh|ssh-keygen|gpg|sh)\b|ssh: (?:command )?not found/i, 'git_missing'],
  [/REMOTE HOST IDENTIFICATION HAS CHANGED|No \S+ host key is known|Host key verification failed/i, 'git_host_unknown'],
  [
    /SSL certificate problem|server certificate verification failed|certificate verify failed|certificate subject name/i,
    'git_tls',
  ],
  [
    /mismatched algorithms|object format '?sha256|does not support (?:shallow|--depth|--filter)|dumb http transport|request for unadvertised object|unknown object format/i,
    'git_unsupported',
  ],
  [/couldn't find remote ref|not our ref|remote ref does not exist|no such remote ref/i, 'git_ref_missing'],
  [
    /Authentication failed|could not read (?:Username|Password)|Permission denied \(|Permission to .* denied|Too many authentication failures|requested URL returned error: 40[13]|terminal prompts disabled|access denied|Invalid credentials/i,
    'git_unauthorized',
  ],
  [
    /repository '?.*'? ?not found|is this a git repository\?|does not appear to be a git repository|requested URL returned error: 404|dubious ownership/i,
    'git_repository_missing',
  ],
  [
    /Could not resolve host|Connection (?:refused|timed out|reset|closed)|Operation (?:timed out|too slow)|Network is unreachable|No route to host|unable to access|requested URL returned error: (?:429|5\d\d)|Could not read from remote|early EOF|hung up unexpectedly|unexpected disconnect|RPC failed|expected flush after|bad line length|protocol error|invalid server response/i,
    'git_unreachable',
  ],
]

/** The error of a run of git that failed, without anything that stands in the address. */
export function gitFailure(what: string, { stderr, code }: GitAnswer): HermesError {
  const lines = stderr.split(/[\r\n]+/).filter((line) => line.trim() !== '')
  const [pattern, meaning] = meanings.find(([each]) => each.test(stderr)) ?? []
  const telling =
    lines.find((line) => pattern?.test(line)) ??
    lines.find((line) => /^(?:fatal|error|remote: (?:error|fatal))/i.test(line)) ??
    lines.at(-1)
  const said = telling === undefined ? `git ended with ${code}` : constant(telling)
  return new HermesError(meaning ?? 'git_failed', `${what}: ${said}`)
}

/** Without what is another at each try, or secret: a failure that lasts says the same each time. */
function constant(line: string): string {
  return line
    .replace(/^(?:(?:fatal|error|remote): )+/i, '')
    .replace(/^could not read (?:Username|Password) for '([^']+)'.*/, '$1 asks for credentials, and there are none')
    .replace(/couldn't find remote ref refs\/heads\/(\S+)/, 'the repository has no branch $1')
    .replace(/couldn't find remote ref refs\/tags\/(\S+)/, 'the repository has no tag $1')
    .replace(/(\w+:\/\/)[^@/\s']+@/g, '$1')
    .replace(/ after \d+ (?:ms|milliseconds)/g, '')
    .replace(/\btmp_(\w+?)_\w{6}\b/g, 'tmp_$1')
    .slice(0, 300)
}

/** Whatever was thrown on the way to a commit. */
export function failureOf(thrown: unknown): HermesError {
  if (thrown instanceof HermesError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  const isFull = ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(codeOf(thrown) ?? '')
  return new HermesError(isFull ? 'disk_full' : 'git_failed', message, { cause: thrown })
}

/** Whether the failure may lie in our own copy, which can be made anew, and not on the other side. */
export function isOurs(error: HermesError): boolean {
  return error.code === 'git_failed'
}
