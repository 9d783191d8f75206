import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'

/** A bare repository that commits are written into as one stream each. */
export interface Upstream {
  readonly path: string
  /** Commits these files on `main`, on top of what is there. */
  commit(files: Iterable<readonly [path: string, text: string]>): void
  /** The id of the newest commit. */
  head(): string
}

const git = (path: string, args: readonly string[], input?: string): string =>
  execFileSync('git', ['--git-dir', path, ...args], { input, encoding: 'utf8', maxBuffer: 1 << 28 })

export function openUpstream(path: string): Upstream {
  mkdirSync(path, { recursive: true })
  git(path, ['init', '--quiet', '--bare', '--initial-branch=main', path])
  git(path, ['config', 'uploadpack.allowFilter', 'true'])
  git(path, ['config', 'uploadpack.allowAnySHA1InWant', 'true'])
  let commits = 0
  return {
    path,
    commit: (files) => {
      const parts = [
        `commit refs/heads/main\ncommitter Bench <bench@localhost> ${1_700_000_000 + commits} +0000\ndata 1\nx\n`,
      ]
      if (commits > 0) parts.push('from refs/heads/main^0\n')
      for (const [name, text] of files)
        parts.push(`M 100644 inline ${name}\ndata ${Buffer.byteLength(text)}\n${text}\n`)
      git(path, ['fast-import', '--quiet', '--force'], parts.join(''))
      commits += 1
    },
    head: () => git(path, ['rev-parse', 'main']).trim(),
  }
}

/** A clone as Hermes has one, and what bare Git takes to bring it up to date: a fetch, and one difference. */
export function bareClone(upstream: Upstream, path: string): { update(): number } {
  mkdirSync(path, { recursive: true })
  git(path, ['init', '--quiet', '--bare', path])
  git(path, ['remote', 'add', 'origin', `file://${upstream.path}`])
  const fetch = ['fetch', '--quiet', '--no-tags', '--depth=1', '--filter=blob:none', 'origin', '+main:refs/heads/main']
  git(path, fetch)
  return {
    update: () => {
      const before = git(path, ['rev-parse', 'main']).trim()
      const started = performance.now()
      git(path, fetch)
      git(path, ['diff-tree', '-r', '-z', before, 'main'])
      return performance.now() - started
    },
  }
}
