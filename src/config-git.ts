import { resolve } from 'node:path'
import { HermesError } from './errors.ts'

/** The repository whose manifests are in force. */
export interface GitConfig {
  /** https, ssh or a path, without credentials. */
  readonly url: string
  /** The repository's own default branch when absent. */
  readonly ref?: { readonly branch: string } | { readonly tag: string } | { readonly commit: string }
  /** Directory in the repository, without slashes at its ends; empty for all of it. */
  readonly path: string
  /** Milliseconds between two looks. */
  readonly intervalMs: number
  readonly verify?: 'ssh' | 'gpg'
  /** Where the status is written; absent: nothing is written to the repository. */
  readonly status?: {
    readonly branch: string
    /** Milliseconds from one commit to the next, at least. */
    readonly intervalMs: number
    /** Who writes there, where that was said. */
    readonly name?: string
  }
  /** Whether manifests may be changed by commits on the branch, which then is one and is not verified. */
  readonly write?: boolean
  /** `Name <address>` of commits that Hermes makes. */
  readonly author?: string
  /** The check that the Git host shows at a commit; absent: it is told nothing. */
  readonly commitStatus?: {
    /** What stands behind `hermes/`. */
    readonly name: string
    /** Needed where the host's name does not tell. */
    readonly provider?: (typeof hostKinds)[number]
    /** Where its API is, when not where its kind has it. */
    readonly apiUrl?: string
  }
}

/** The Git hosts whose commits can be given a status. */
const hostKinds = ['github', 'gitlab', 'gitea'] as const

/** The branch of the status where no other is named; never one to read manifests from. */
export const usualStatusBranch = 'hermes-status'

/** A setting as it was given. */
export interface Given {
  readonly value: string
  /** The flag or variable it came from, for errors. */
  readonly from: string
}

type Name =
  | 'commitStatus'
  | 'gitHost'
  | 'gitApi'
  | 'manifests'
  | 'git'
  | 'branch'
  | 'tag'
  | 'commit'
  | 'path'
  | 'interval'
  | 'verify'
  | 'statusBranch'
  | 'statusInterval'
  | 'statusName'
  | 'gitAuthor'
  | 'gitWrite'
type Read = (name: Name) => Given | undefined

/** `setting_invalid`, saying what would be valid. */
export function invalid(given: Given, valid: string, shown = given.value): HermesError {
  return new HermesError('setting_invalid', `${given.from} is ${JSON.stringify(shown)}: it must be ${valid}`)
}

/** The settings of the repository; undefined without --git. Throws `setting_invalid`. */
export function readGit(read: Read, cwd: string): GitConfig | undefined {
  const git = read('git')
  if (git === undefined) return refuseAlone(read)
  const manifests = read('manifests')
  if (manifests !== undefined) throw together(git, manifests)
  const interval = read('interval')
  const ref = readRef(read)
  const verify = read('verify')
  const status = readStatus(read)
  const author = read('gitAuthor')
  refuseStatusAsOrigin(read('branch'), status?.branch)
  return {
    url: git.value.startsWith('.') ? resolve(cwd, git.value) : git.value,
    ...(ref === undefined ? {} : { ref }),
    path: readPath(read('path')),
    intervalMs: interval === undefined ? 30_000 : readDuration(interval),
    ...(verify === undefined ? {} : { verify: readVerify(verify) }),
    ...(status === undefined ? {} : { status }),
    ...readWrite(read),
    ...(author === undefined ? {} : { author: readAuthor(author) }),
    ...readCommitStatus(read),
  }
}

function refuseAlone(read: Read): undefined {
  for (const name of [
    'branch',
    'tag',
    'commit',
    'path',
    'verify',
    'statusBranch',
    'commitStatus',
    'gitWrite',
  ] as const) {
    const given = read(name)
    if (given === undefined) continue
    throw new HermesError('setting_invalid', `${given.from} is set without --git`, {
      fix: 'Name the repository: --git URL.',
    })
  }
}

function readRef(read: Read): GitConfig['ref'] {
  const given = (['branch', 'tag', 'commit'] as const).flatMap((name) => {
    const found = read(name)
    return found === undefined ? [] : [{ name, found }]
  })
  const [first, second] = given
  if (first === undefined) return undefined
  if (second !== undefined) throw together(first.found, second.found)
  const { name, found } = first
  if (name === 'commit') {
    if (!/^[0-9a-f]{40}$/.test(found.value)) throw invalid(found, 'the whole id of a commit, 40 hexadecimal digits')
    return { commit: found.value }
  }
  if (!isRefName(found.value)) throw invalid(found, `the name of a ${name}`)
  return name === 'branch' ? { branch: found.value } : { tag: found.value }
}

/** As `git check-ref-format` has it. */
function isRefName(name: string): boolean {
  const parts = name.split('/')
  const isSound = !/[\p{Cc} ~^:?*[\\]|\.\.|@\{|\.$/u.test(name) && name !== '@' && !name.startsWith('-')
  return isSound && parts.every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'))
}

function readPath(given: Given | undefined): string {
  if (given === undefined) return ''
  const parts = given.value.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..') || /\p{Cc}/u.test(given.value)) throw invalid(given, 'a directory in the repository')
  return parts.join('/')
}

function readVerify(given: Given): 'ssh' | 'gpg' {
  if (given.value === 'ssh' || given.value === 'gpg') return given.value
  throw invalid(given, 'ssh or gpg')
}

function readStatus(read: Read): GitConfig['status'] {
  const interval = read('statusInterval')
  const intervalMs = interval === undefined ? 60_000 : readDuration(interval)
  const branch = read('statusBranch')
  if (branch === undefined) return undefined
  if (!isRefName(branch.value)) throw invalid(branch, 'the name of a branch')
  const name = read('statusName')
  if (name !== undefined && !/^[^\p{Cc}]{1,300}$/u.test(name.value)) throw invalid(name, 'a name of one line')
  return { branch: branch.value, intervalMs, ...(name === undefined ? {} : { name: name.value }) }
}

/** What is not the newest of a branch, or has to be signed, cannot be written. */
function readWrite(read: Read): Pick<GitConfig, 'write'> {
  const given = read('gitWrite')
  if (given === undefined || !readSwitch(given)) return {}
  for (const name of ['tag', 'commit', 'verify'] as const) {
    const other = read(name)
    if (other !== undefined) throw together(given, other)
  }
  return { write: true }
}

function readCommitStatus(read: Read): Pick<GitConfig, 'commitStatus'> {
  const name = read('commitStatus')
  if (name === undefined) return {}
  if (!/^[\w.-]{1,100}$/.test(name.value)) throw invalid(name, 'a name of letters, digits, dots and dashes')
  const host = read('gitHost')
  const provider = hostKinds.find((kind) => kind === host?.value)
  if (host !== undefined && provider === undefined) throw invalid(host, `one of ${hostKinds.join(', ')}`)
  const api = read('gitApi')
  if (api !== undefined && !/^https?:\/\/[^@\s]+$/.test(api.value))
    throw invalid(api, 'an http(s) address without credentials')
  return {
    commitStatus: {
      name: name.value,
      ...(provider === undefined ? {} : { provider }),
      ...(api === undefined ? {} : { apiUrl: api.value }),
    },
  }
}

function readAuthor(given: Given): string {
  if (/^[^<>\p{Cc}\s][^<>\p{Cc}]* <[^<>\p{Cc}\s]+>$/u.test(given.value)) return given.value
  throw invalid(given, 'a name and an address, such as Hermes <hermes@example.com>')
}

/** Each status written would be a new revision. */
function refuseStatusAsOrigin(branch: Given | undefined, status: string | undefined): void {
  if (branch === undefined || (branch.value !== status && branch.value !== usualStatusBranch)) return
  throw new HermesError(
    'setting_invalid',
    `${branch.from} is ${branch.value}: no manifests are read where status is written`,
    {
      fix: 'Name the branch that holds the manifests; --status-branch names the one of the status.',
    },
  )
}

function together(one: Given, other: Given): HermesError {
  return new HermesError('setting_invalid', `${one.from} and ${other.from} cannot be set together`, {
    fix: `Leave one of the two out.`,
  })
}

function readSwitch(given: Given): boolean {
  if (['1', 'true', 'yes'].includes(given.value)) return true
  if (['0', 'false', 'no'].includes(given.value)) return false
  throw invalid(given, '1 or 0')
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds of `30s` and the like, from a second to a day. */
export function readDuration(given: Given): number {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(given.value)
  const ms = Number(match?.[1]) * (unitMs[match?.[2] ?? ''] ?? Number.NaN)
  if (!(ms >= 1000 && ms <= 86_400_000)) throw invalid(given, 'a duration from 1s to 1d, such as 30s, 5m or 1h')
  return ms
}
