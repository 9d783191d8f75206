import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Trust } from '../../../src/origin/git/verify.ts'
import { sshKey } from './ssh-server.ts'
import { run, type Signing } from './upstream.ts'

/** Somebody who signs commits, with a key that is thrown away. */
export class Signer implements AsyncDisposable {
  readonly #dir: string
  readonly signing: Signing
  /** Trust in this key and no other. */
  readonly trust: Trust

  private constructor(dir: string, signing: Signing, trust: Trust) {
    this.#dir = dir
    this.signing = signing
    this.trust = trust
  }

  static async ssh(): Promise<Signer> {
    const dir = await mkdtemp(join(tmpdir(), 'hermes-signer-'))
    const path = join(dir, 'key')
    await sshKey(path)
    const publicKey = await run('ssh-keygen', ['-y', '-f', path])
    const signing = { config: ['gpg.format=ssh', `user.signingKey=${path}`], env: {} }
    return new Signer(dir, signing, { ssh: `ann@example.test ${publicKey}` })
  }

  /** With `at` (`20200101T000000`), a key that was made then, expired a day later, and signs as if it were then. */
  static async gpg(at?: string): Promise<Signer> {
    const dir = await mkdtemp(join(tmpdir(), 'hermes-gpg-'))
    const time = at === undefined ? [] : ['--faked-system-time', `${at}!`]
    const env = { GNUPGHOME: dir }
    const quietly = ['--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', ...time]
    const life = at === undefined ? 'never' : '1d'
    await run('gpg', [...quietly, '--quick-generate-key', 'Ann <ann@example.test>', 'ed25519', 'sign', life], { env })
    const keys = await run('gpg', ['--armor', '--export'], { env })
    const program = join(dir, 'gpg-at')
    await writeFile(program, `#!/bin/sh\nexec gpg ${time.join(' ')} "$@"\n`)
    await chmod(program, 0o755)
    const config = [`gpg.program=${program}`, 'user.signingKey=ann@example.test']
    return new Signer(dir, { config, env }, { gpg: keys })
  }

  /** What takes the key out of use, for who imports it. */
  async revocation(): Promise<string> {
    const env = { GNUPGHOME: this.#dir }
    const listed = await run('gpg', ['--list-keys', '--with-colons'], { env })
    const id = /^fpr:+([0-9A-F]+):/m.exec(listed)?.[1] ?? ''
    const text = await readFile(join(this.#dir, 'openpgp-revocs.d', `${id}.rev`), 'utf8')
    return text.slice(text.indexOf(':-----BEGIN') + 1)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run('gpgconf', ['--homedir', this.#dir, '--kill', 'all']).catch(() => undefined)
    await rm(this.#dir, { recursive: true, force: true })
  }
}
