import { execFile } from 'node:child_process'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A file of a commit: its content, or what else can stand in a tree. `undefined` removes it. */
export type Entry =
  | string
  | Uint8Array
  | { readonly link: string }
  | { readonly submodule: string }
  | { readonly executable: string }
  | undefined

export interface CommitOptions {
  readonly branch?: string
  readonly message?: string
  /** Settings and environment of a signature; none without. */
  readonly signing?: Signing
  /** Begins a history of its own. */
  readonly isOrphan?: boolean
}

/** How Git is to sign. */
export interface Signing {
  readonly config: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** What git is run with, whoever runs it: nothing of the machine's configuration. */
export const gitEnv: Readonly<Record<string, string>> = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/dev/null',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'Ann',
  GIT_AUTHOR_EMAIL: 'ann@example.test',
  GIT_COMMITTER_NAME: 'Ann',
  GIT_COMMITTER_EMAIL: 'ann@example.test',
}

export interface GitRun {
  readonly stdin?: Uint8Array | string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a program to its end; rejects with what it printed when it fails. */
export function run(program: string, args: readonly string[], { stdin, env }: GitRun = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...gitEnv, ...env }, maxBuffer: 64 * 1024 * 1024 }
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout.trim())
      else reject(new Error(`${program} ${args.join(' ')}: ${stderr}`))
    })
    // A program may end without reading all of its input.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(stdin ?? '')
  })
}

/** The other side: a throw-away bare repository, as a host keeps one. */
export class Upstream implements AsyncDisposable {
  /** Of the repository; its name is `team.git`. */
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** On `main`, without commits; `init` are more arguments of `git init`. */
  static async create(...init: readonly string[]): Promise<Upstream> {
    const path = join(await mkdtemp(join(tmpdir(), 'hermes-upstream-')), 'team.git')
    await run('git', ['init', '--quiet', '--bare', '--template=', '--initial-branch=main', ...init, path])
    const upstream = new Upstream(path)
    await upstream.git('config', 'uploadpack.allowFilter', 'true')
    return upstream
  }

  /** The directory that the repository lies in. */
  get root(): string {
    return dirname(this.path)
  }

  git(...args: readonly string[]): Promise<string> {
    return run('git', ['--git-dir', this.path, ...args])
  }

  /** Changes these files on a branch and returns the commit. A name that is not text is given in Latin-1. */
  async commit(files: Readonly<Record<string, Entry>>, options: CommitOptions = {}): Promise<string> {
    const { branch = 'main', message = 'Change', signing, isOrphan = false } = options
    const parent = isOrphan ? undefined : await this.tip(branch)
    const ref = signing === undefined ? `refs/heads/${branch}` : 'refs/draft'
    const args = ['--git-dir', this.path, 'fast-import', '--quiet', '--force', '--date-format=raw']
    const id = await run('git', args, { stdin: importStream({ ref, parent, message, files }) })
    if (signing === undefined) return id
    const signed = await this.#signed(id, parent, signing)
    await this.force(branch, signed)
    return signed
  }

  /** The commit that a branch points to; undefined when there is no such branch. */
  tip(branch: string): Promise<string | undefined> {
    return this.git('rev-parse', '--quiet', '--verify', `refs/heads/${branch}`).catch(() => undefined)
  }

  /** Points a branch elsewhere, as a forced push does. */
  async force(branch: string, commit: string): Promise<void> {
    await this.git('update-ref', `refs/heads/${branch}`, commit)
  }

  async deleteBranch(branch: string): Promise<void> {
    await this.git('update-ref', '-d', `refs/heads/${branch}`)
  }

  /** Takes the repository away … */
  async hide(): Promise<void> {
    await rename(this.path, `${this.path}.hidden`)
  }

  /** … and brings it back. */
  async show(): Promise<void> {
    await rename(`${this.path}.hidden`, this.path)
  }

  /** Puts a commit's text in place of another; its signature stays as it was. */
  async tamper(branch: string, change: (text: string) => string): Promise<string> {
    const text = await this.git('cat-file', 'commit', branch)
    const args = ['--git-dir', this.path, 'hash-object', '-t', 'commit', '-w', '--stdin']
    const id = await run('git', args, { stdin: `${change(text)}\n` })
    await this.force(branch, id)
    return id
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.root, { recursive: true, force: true })
  }

  async #signed(id: string, parent: string | undefined, { config, env }: Signing): Promise<string> {
    const settings = config.flatMap((each) => ['-c', each])
    const parents = parent === undefined ? [] : ['-p', parent]
    const args = ['commit-tree', '-S', '-m', 'Signed', ...parents, `${id}^{tree}`]
    return await run('git', ['--git-dir', this.path, ...settings, ...args], { env })
  }
}

interface Draft {
  readonly ref: string
  readonly parent: string | undefined
  readonly message: string
  readonly files: Readonly<Record<string, Entry>>
}

/** What `git fast-import` reads. */
function importStream({ ref, parent, message, files }: Draft): Buffer {
  const now = Math.floor(Date.now() / 1_000)
  const parts: (string | Uint8Array)[] = [
    `reset ${ref}\n\ncommit ${ref}\nmark :1\ncommitter Ann <ann@example.test> ${now} +0000\n`,
    ...data(Buffer.from(message)),
    parent === undefined ? '' : `from ${parent}\n`,
  ]
  for (const [name, entry] of Object.entries(files)) parts.push(...fileParts(quoted(name), entry))
  parts.push('\nget-mark :1\n')
  return Buffer.concat(parts.map((part) => Buffer.from(part)))
}

function fileParts(name: string, entry: Entry): readonly (string | Uint8Array)[] {
  if (entry === undefined) return [`D ${name}\n`]
  if (typeof entry === 'string') return [`M 100644 inline ${name}\n`, ...data(Buffer.from(entry))]
  if (entry instanceof Uint8Array) return [`M 100644 inline ${name}\n`, ...data(entry)]
  if ('link' in entry) return [`M 120000 inline ${name}\n`, ...data(Buffer.from(entry.link))]
  if ('submodule' in entry) return [`M 160000 ${entry.submodule} ${name}\n`]
  return [`M 100755 inline ${name}\n`, ...data(Buffer.from(entry.executable))]
}

function data(bytes: Uint8Array): readonly (string | Uint8Array)[] {
  return [`data ${bytes.length}\n`, bytes, '\n']
}

/** A name as fast-import reads it; each character is a byte if it fits into one. */
function quoted(name: string): string {
  const isBytes = Array.from(name).every((each) => (each.codePointAt(0) ?? 0) < 0x100)
  const bytes = Buffer.from(name, isBytes ? 'latin1' : 'utf8')
  return `"${Array.from(bytes, (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')}"`
}
