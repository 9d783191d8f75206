import { HermesError } from '../../errors.ts'
import { configEnv } from './config-env.ts'
import type { RunGit } from './git-command.ts'
import { type OwnFiles, ownFiles } from './own-files.ts'
import type { GitRepository } from './repository.ts'

/** Whose signatures count: keys of GnuPG (armoured or not), or lines of an `allowed_signers` file of ssh. */
export type Trust = { readonly gpg: string } | { readonly ssh: string }

export interface Verifier extends AsyncDisposable {
  /**
   * Rejects with `git_unverified` unless the commit carries a good signature of a trusted key. A signature on a tag does
   * not count. One that is in force already stays so when its key has expired since; a revoked or removed key ends it
   * with the next start.
   */
  readonly verify: (commit: string, signal: AbortSignal, standing?: 'new' | 'in_force') => Promise<void>
}

/** What GnuPG says of a signature that must not count, whatever else it says. */
const refused = /^\[GNUPG:\] (?:BADSIG|ERRSIG|REVKEYSIG|NO_PUBKEY)\b/m
const expired = /^\[GNUPG:\] (?:EXPSIG|EXPKEYSIG)\b/m

/**
 * A verifier with a keyring of its own, in a directory whose name begins with `dir`. Nothing of the machine's own
 * keyrings is looked at. Throws `setting_invalid` for a keyring that cannot be read.
 */
export async function openVerifier(
  repository: Pick<GitRepository, 'ask'>,
  trust: Trust,
  { dir, importKeys }: { readonly dir: string; readonly importKeys: RunGit },
): Promise<Verifier> {
  await using opening = new AsyncDisposableStack()
  const files = opening.use(await ownFiles(dir))
  const env = 'ssh' in trust ? await sshTrust(trust.ssh, files) : await gpgTrust(trust.gpg, files, importKeys)
  const opened = opening.move()
  return {
    verify: async (commit, signal, standing = 'new') => {
      files.touch()
      const { code, stderr } = await repository.ask(['verify-commit', '--raw', commit], signal, env)
      if ('ssh' in trust ? code === 0 && isGoodSsh(stderr) : isGoodGpg(stderr, code, standing)) return
      throw new HermesError('git_unverified', `${commit} is not in force: ${reasonOf(stderr)}`)
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** A signature of the other kind is not even looked at. */
async function sshTrust(signers: string, { keep }: OwnFiles): Promise<Record<string, string>> {
  return configEnv([
    ['gpg.ssh.allowedSignersFile', await keep('allowed_signers', signers)],
    ['gpg.openpgp.program', 'false'],
    ['gpg.x509.program', 'false'],
  ])
}

async function gpgTrust(keys: string, { dir, keep }: OwnFiles, run: RunGit): Promise<Record<string, string>> {
  // Without this file GnuPG 2.4 writes one that has a process of its own keep the keys.
  await keep('common.conf', '# The keys lie in this directory.')
  const home = { GNUPGHOME: dir }
  const imported = await run({
    args: ['--batch', '--quiet', '--no-autostart', '--import'],
    stdin: keys,
    env: home,
    signal: AbortSignal.timeout(30_000),
  })
  if (imported.code !== 0)
    throw new HermesError('setting_invalid', `the keyring cannot be read: ${imported.stderr.trim()}`)
  const settings = configEnv([
    ['gpg.ssh.program', 'false'],
    ['gpg.x509.program', 'false'],
  ])
  return { ...home, ...settings }
}

function isGoodSsh(stderr: string): boolean {
  return /^Good "git" signature for /m.test(stderr)
}

function isGoodGpg(stderr: string, code: number, standing: 'new' | 'in_force'): boolean {
  if (refused.test(stderr) || !/^\[GNUPG:\] VALIDSIG /m.test(stderr)) return false
  return expired.test(stderr) ? standing === 'in_force' : code === 0
}

function reasonOf(stderr: string): string {
  if (/BADSIG/.test(stderr)) return 'its signature does not fit its content'
  if (/EXPSIG|EXPKEYSIG/.test(stderr)) return 'its signature, or the key of it, has expired'
  if (/REVKEYSIG/.test(stderr)) return 'the key of its signature was revoked'
  if (/NO_PUBKEY|No principal matched|ERRSIG/.test(stderr)) return 'it is signed by a key that is not trusted'
  const line = stderr.split('\n').find((each) => each.trim() !== '' && !each.startsWith('[GNUPG:]'))
  return line === undefined ? 'it is not signed' : line.slice(0, 200)
}
