import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { OriginSecrets } from '../../src/manifest/origin-secrets.ts'
import { isSecretFile, readSecretFile, type SecretFile } from '../../src/manifest/secret-file.ts'
import { secretStore } from '../../src/manifest/secrets.ts'
import { encryptFor, type KeyPair, newKey, type Plain, type SopsOptions, sopsDocument, sopsFile } from './sops-files.ts'

let key: KeyPair
let other: KeyPair
beforeAll(async () => {
  key = await newKey()
  other = await newKey()
})

const file = 'prod.sops.yaml'

/** The file, which must be of sound structure. */
function sound(text: string, name = file): SecretFile {
  const { secrets, problems } = readSecretFile(text, name)
  expect(problems).toEqual([])
  if (secrets === undefined) throw new Error('no secrets')
  return secrets
}

/** As it comes, with whatever problems. */
function any(text: string, name = file): SecretFile {
  const { secrets } = readSecretFile(text, name)
  if (secrets === undefined) throw new Error('no secrets')
  return secrets
}

interface Own {
  readonly directory?: string
  readonly keysNeeded?: boolean
}

function secretsWith(environment: Readonly<Record<string, string>>, own: Own = {}): OriginSecrets {
  const { keysNeeded = true, ...directory } = own
  return new OriginSecrets({ local: secretStore({ environment, ...directory }), keysNeeded })
}

const withKey = (identity = key.identity): OriginSecrets => secretsWith({ HERMES_SECRET_SOPS_AGE_KEY: identity })

function encrypted(secrets: Plain, options: Partial<SopsOptions> = {}): Promise<string> {
  return sopsFile(secrets, { recipients: [key.recipient], ...options })
}

/** What `adopt` says of a text, and what comes of asking for `TOKEN`. */
async function opened(text: string, secrets = withKey()) {
  const problems = await secrets.adopt([any(text)])
  return { problems, ask: (name = 'TOKEN') => secrets.get(name) }
}

describe('a file that SOPS encrypted for age', () => {
  it('is told by its name', () => {
    const names = [
      'a.sops.yaml',
      'deep/b.sops.yml',
      'c.sops.json',
      'a.yaml',
      '.sops.yaml',
      'x/.sops.yaml',
      'a.sops.csv',
    ]
    expect(names.filter(isSecretFile)).toEqual(['a.sops.yaml', 'deep/b.sops.yml', 'c.sops.json'])
  })

  it('gives its values, in YAML and in JSON', async () => {
    const values = { TOKEN: 'abc-123', LONG_ONE: `${'line\n'.repeat(500)}ü`, SPACES: '  both ends ' }
    const secrets = withKey()
    const json = JSON.stringify(
      await sopsDocument({ IN_JSON: 'of "quotes"' }, { recipients: [key.recipient] }),
      null,
      '\t',
    )
    const files = [sound(await encrypted(values)), sound(json, 'more.sops.json')]
    expect(await secrets.adopt(files)).toEqual([])
    for (const [name, value] of Object.entries(values)) expect(secrets.get(name)).toBe(value)
    expect(secrets.get('IN_JSON')).toBe('of "quotes"')
    expect(() => secrets.get('UNKNOWN')).toThrow(expect.objectContaining({ code: 'secret_missing' }))
  })

  it('opens with any of its recipients, whose keys may stand in a file as age-keygen writes it', async () => {
    const text = await encrypted({ TOKEN: 'value' }, { recipients: [other.recipient, key.recipient] })
    const third = await newKey()
    const keyFile = `# created: 2026-01-01\n# public key: ${third.recipient}\n${third.identity}\n\n${key.identity}\r\n`
    const { problems, ask } = await opened(text, withKey(keyFile))
    expect([problems, ask()]).toEqual([[], 'value'])
  })

  it('has all of its values covered, or the encrypted ones alone', async () => {
    const plain = { NOTE_unencrypted: 'rotate in May', LIMIT_unencrypted: 5, ON_unencrypted: true }
    for (const macOnlyEncrypted of [false, true]) {
      const text = await encrypted({ TOKEN: 'value' }, { unencrypted: plain, macOnlyEncrypted })
      expect((await opened(text)).ask()).toBe('value')
      const changed = await opened(text.replace('rotate in May', 'rotate in June'))
      if (macOnlyEncrypted) expect(changed.ask()).toBe('value')
      else expect(changed.ask).toThrow('was changed without SOPS')
    }
  })

  it('comes after the environment and the directory, so that a local value wins', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'hermes-sops-'))
    await writeFile(join(directory, 'TWO'), 'of the directory')
    await writeFile(join(directory, 'SOPS_AGE_KEY'), `${key.identity}\n`)
    const secrets = secretsWith({ HERMES_SECRET_ONE: 'of the environment' }, { directory })
    await secrets.adopt([sound(await encrypted({ ONE: 'of the file', TWO: 'of the file', THREE: 'of the file' }))])
    expect(['ONE', 'TWO', 'THREE'].map((name) => secrets.get(name))).toEqual([
      'of the environment',
      'of the directory',
      'of the file',
    ])
    await rm(directory, { recursive: true })
  })

  it('has its values masked, before and after a change, and each private key too', async () => {
    const secrets = withKey(`# mine\n${other.identity}\n${key.identity}`)
    await secrets.adopt([sound(await encrypted({ TOKEN: 'first value' }))])
    const seen = [secrets.get('TOKEN')]
    await secrets.adopt([sound(await encrypted({ TOKEN: 'second value' }))])
    seen.push(secrets.get('TOKEN'))
    expect(seen).toEqual(['first value', 'second value'])
    const text = `first value, second%20value, ${key.identity}, ${other.identity}`
    expect(secrets.mask(text)).toBe('***, ***, ***, ***')
  })
})

describe('what is not encrypted', () => {
  it('is refused where it stands, without being repeated, and the rest of the file is of use', async () => {
    const text = await encrypted({ TOKEN: 'good' }, { unencrypted: { PASSWORD: 'hunter2', PIN: 4711 } })
    const { problems } = readSecretFile(text, file)
    expect(problems.map(({ code, at, message }) => [code, at.line, at.column, message])).toEqual([
      ['secret_unencrypted', 2, 11, 'PASSWORD in prod.sops.yaml is not encrypted'],
      ['secret_unencrypted', 3, 6, 'PIN in prod.sops.yaml is not encrypted'],
    ])
    expect(JSON.stringify(problems)).not.toMatch(/hunter2|4711/)
    const { ask } = await opened(text)
    expect(ask('TOKEN')).toBe('good')
    expect(() => ask('PASSWORD')).toThrow(expect.objectContaining({ code: 'secret_unencrypted', at: problems[0]?.at }))
  })

  it('is told of a whole file, and of none of its values anything is kept', async () => {
    const text = '# to be encrypted\nTOKEN: hunter2\nOTHER: hunter3\n'
    const { problems, secrets } = readSecretFile(text, file)
    expect(problems).toEqual([
      expect.objectContaining({ code: 'secret_unencrypted', at: { file, line: 2, column: 8 } }),
    ])
    expect(JSON.stringify([problems, [...(secrets?.entries ?? [])]])).not.toContain('hunter')
    const { ask } = await opened(text)
    for (const name of ['TOKEN', 'OTHER']) expect(() => ask(name)).toThrow('prod.sops.yaml is not encrypted')
  })

  it('does not show in what is said of broken YAML', () => {
    const broken = [
      'TOKEN: "hunter2\n',
      'TOKEN: hunter2\n hunter3: x: y\n',
      'A: *hunter2\n',
      '{ "TOKEN": "hunter2" "hunter3" }',
    ]
    for (const text of [...broken, 'TOKEN: 12345678901234567890\n', `{"A": 1, hunter2}`, '- hunter2\n', 'hunter2']) {
      const { problems } = readSecretFile(text, file)
      expect(problems.length).toBeGreaterThan(0)
      expect(JSON.stringify(problems)).not.toMatch(/hunter|1234567/)
    }
  })
})

/** Code, line and message of each problem. */
const codesOf = (text: string): unknown[] =>
  readSecretFile(text, file).problems.map(({ code, at, message }) => [code, at.line, message.replace(file, 'FILE')])

function cannot(reason: string): unknown {
  return [['secret_file_invalid', 3, `FILE cannot be opened: ${reason}`]]
}

describe('the structure', () => {
  it('is a flat mapping of names to texts', async () => {
    const ciphertext = { TOKEN: 'a', lower: 'b', NUMBER: 7, RATIO: 0.5, ON: true, EMPTY: 'c' }
    const text = (await encrypted(ciphertext)).replace(/^EMPTY: .*$/m, 'EMPTY: ""')
    const digits = 'was no text when it was encrypted, and may have lost digits; put it in quotes and encrypt it again'
    expect(codesOf(text)).toEqual([
      ['secret_file_invalid', 2, 'lower in FILE is not the name of a secret: capital letters, digits and _'],
      ['secret_file_invalid', 3, `NUMBER in FILE ${digits}`],
      ['secret_file_invalid', 4, `RATIO in FILE ${digits}`],
      ['secret_file_invalid', 5, `ON in FILE ${digits}`],
      ['secret_file_invalid', 6, 'EMPTY in FILE is empty'],
    ])
    const nested = text.replace('TOKEN: ', 'DEEP:\n  TOKEN: ')
    expect(codesOf(nested)).toEqual([['secret_file_invalid', 2, 'DEEP in FILE is no text, but a mapping or a list']])
    for (const none of ['', '# nothing\n', '[]', 'text']) {
      expect(codesOf(none)).toEqual([
        ['secret_file_invalid', 1, 'FILE must hold one mapping of names to values, as SOPS writes it'],
      ])
    }
    expect(codesOf(`${text}---\nA: b\n`)).toHaveLength(1)
    expect(codesOf(text.replace('lower:', 'TOKEN:'))).toEqual([['yaml_duplicate_key', 2, 'TOKEN stands twice']])
  })

  it('is that of SOPS with age', async () => {
    const withMetadata = async (metadata: SopsOptions['metadata'] = {}): Promise<unknown> =>
      codesOf(await encrypted({ TOKEN: 'a' }, { metadata }))
    expect(await withMetadata({ age: [] })).toEqual(cannot('it is not encrypted for age'))
    expect(await withMetadata({ age: null, pgp: [{ fp: 'x' }], kms: [{ arn: 'y' }] })).toEqual(
      cannot('it is not encrypted for age, but for pgp, kms'),
    )
    expect(await withMetadata({ age: undefined, key_groups: [{ age: [] }], shamir_threshold: 1 })).toEqual(
      cannot('it is not encrypted for age, but for key_groups'),
    )
    expect(await withMetadata({ age: [{ recipient: 'age1x' }] })).toEqual(
      cannot('an entry of sops.age lacks recipient or enc'),
    )
    expect(await withMetadata({ mac: '' })).toEqual(cannot('it has no authentication code in sops.mac'))
    expect(await withMetadata({ lastmodified: undefined })).toEqual(cannot('it has no time in sops.lastmodified'))
    expect(codesOf('TOKEN: x\nsops: yes\n')).toEqual([
      ['secret_file_invalid', 2, 'FILE cannot be opened: its field sops is no mapping'],
    ])
  })

  it('is not that of a manifest, which may be there by mistake', () => {
    const { secrets, problems } = readSecretFile('apiVersion: hermes/v1\nkind: Connection\n', file)
    expect(secrets).toBeUndefined()
    expect(problems).toEqual([
      expect.objectContaining({ code: 'secret_file_invalid', at: { file, line: 1, column: 1 } }),
    ])
  })

  it('where it is broken may hide any name', async () => {
    const { problems, ask } = await opened('TOKEN: [\n')
    expect(problems).toEqual([])
    expect(() => ask('ANYTHING')).toThrow(
      expect.objectContaining({ code: 'secret_undecryptable', at: { file, line: 2, column: 1 } }),
    )
  })
})

/** The one problem, which is also what is said when its secret is asked for. */
async function refusal(text: string, secrets = withKey()): Promise<unknown> {
  const { problems, ask } = await opened(text, secrets)
  const [problem] = problems
  expect(problems).toHaveLength(1)
  const error = expect.objectContaining({ code: problem?.code, at: problem?.at })
  expect(() => ask()).toThrow(error)
  expect(() => ask()).toThrow(`the secret TOKEN has no value: ${problem?.message}`)
  return [problem?.code, problem?.at.line, problem?.message.replace(file, 'FILE')]
}

describe('a file that does not open', () => {
  const code = 'secret_undecryptable'

  it('tells whose keys would open it', async () => {
    const text = await encrypted({ TOKEN: 'a' })
    const notMine = `FILE is encrypted for ${key.recipient}, and no key in SOPS_AGE_KEY is of these`
    expect(await refusal(text, withKey(other.identity))).toEqual([code, 4, notMine])
    expect(await refusal(text, withKey('# nobody\n'))).toEqual([code, 4, notMine])
    const missing = 'FILE cannot be decrypted: the secret SOPS_AGE_KEY has no value'
    expect(await refusal(text, secretsWith({}))).toEqual([code, 4, missing])
    const wrong = `# a key\n${key.identity.slice(0, -1)}`
    const noKey = 'FILE cannot be decrypted: line 2 of the secret SOPS_AGE_KEY is no private key of age'
    expect(await refusal(text, withKey(wrong))).toEqual([code, 4, noKey])
    const many = await encrypted({ TOKEN: 'a' }, { recipients: Array(5).fill(other.recipient) as string[] })
    expect(await refusal(many)).toEqual([code, 4, expect.stringContaining(', 2 more, and no key')])
  })

  it('tells what is damaged of its key', async () => {
    const recipients = [key.recipient]
    const text = await encrypted({ TOKEN: 'a' })
    const damaged = text.replace(/(BEGIN AGE ENCRYPTED FILE-----\n.*\n.*\n.*\n +)..../, '$1AAAA')
    expect(await refusal(damaged)).toEqual([code, 4, expect.stringMatching(/^the data key in FILE is damaged: ./)])
    const age = [{ recipient: key.recipient, enc: await encryptFor(key.recipient, Buffer.from('short')) }]
    const short = await sopsFile({ TOKEN: 'a' }, { recipients, metadata: { age } })
    expect(await refusal(short)).toEqual([code, 4, 'the data key in FILE is damaged: it has 5 bytes'])
  })

  it('tells what was changed', async () => {
    const text = await encrypted({ TOKEN: 'first', OTHER: 'second' })
    const [, token = '', theirs = ''] = /^TOKEN: (.*)\nOTHER: (.*)\n/.exec(text) ?? []
    const macLine = text.split('\n').findIndex((line) => line.startsWith('  mac:')) + 1
    const unfit = [code, macLine, 'FILE was changed without SOPS: its authentication code does not fit its values']
    const swapped = text.replace(token, theirs)
    expect(await refusal(swapped)).toEqual([code, 1, 'TOKEN in FILE was changed without SOPS'])
    const flipped = text.replace(/data:./, (found) => `data:${found === 'data:A' ? 'B' : 'A'}`)
    expect(await refusal(flipped)).toEqual([code, 1, 'TOKEN in FILE was changed without SOPS'])
    expect(await refusal(text.replace(/^OTHER: .*\n/m, '# gone\n'))).toEqual(unfit)
    const turned = `OTHER: ${theirs}\nTOKEN: ${token}\n${text.slice(text.indexOf('sops:'))}`
    expect(await refusal(turned)).toEqual(unfit)
    expect(await refusal(text.replace(/lastmodified: ..../, 'lastmodified: 1999'))).toEqual(unfit)
    const elsewhere = await encrypted({ TOKEN: 'first', OTHER: 'second' })
    const mac = /mac: .*/.exec(elsewhere)?.[0] ?? ''
    expect(await refusal(text.replace(/mac: .*/, mac))).toEqual(unfit)
  })

  it('holds up no other file', async () => {
    const secrets = withKey()
    const theirs = await encrypted({ THEIRS: 'x' }, { recipients: [other.recipient] })
    const problems = await secrets.adopt([sound(theirs, 'theirs.sops.yaml'), sound(await encrypted({ TOKEN: 'ours' }))])
    expect(problems.map(({ at }) => at.file)).toEqual(['theirs.sops.yaml'])
    expect(secrets.get('TOKEN')).toBe('ours')
    expect(() => secrets.get('THEIRS')).toThrow(expect.objectContaining({ code }))
    expect(() => secrets.get('UNKNOWN')).toThrow(expect.objectContaining({ code: 'secret_missing' }))
  })

  it('is no problem for those who only look and have no key', async () => {
    const text = await encrypted({ TOKEN: 'a' })
    const without = await opened(text, secretsWith({}, { keysNeeded: false }))
    expect(without.problems).toEqual([])
    expect(without.ask).toThrow('the secret SOPS_AGE_KEY has no value')
    const wrong = await opened(text, secretsWith({ HERMES_SECRET_SOPS_AGE_KEY: other.identity }, { keysNeeded: false }))
    expect(wrong.problems).toHaveLength(1)
  })
})

describe('a change', () => {
  it('gives a name of two files to none of them', async () => {
    const secrets = withKey()
    const [one, two] = [
      sound(await encrypted({ TOKEN: '1', A: 'a' }), 'one.sops.yaml'),
      sound(await encrypted({ TOKEN: '2' })),
    ]
    await secrets.adopt([one, two])
    expect(() => secrets.get('TOKEN')).toThrow('the secret TOKEN is in one.sops.yaml and prod.sops.yaml')
    expect(() => secrets.get('TOKEN')).toThrow(expect.objectContaining({ code: 'secret_duplicate' }))
    expect(secrets.get('A')).toBe('a')
    await secrets.adopt([two])
    expect(secrets.get('TOKEN')).toBe('2')
  })

  it('is told by the names that it concerns', async () => {
    const secrets = withKey()
    const changes: string[][] = []
    const unfollow = secrets.onChange((names) => changes.push([...names].toSorted()))
    const first = sound(await encrypted({ TOKEN: '1', OTHER: 'x' }))
    const more = sound(await encrypted({ MORE: 'y' }), 'more.sops.yaml')
    await secrets.adopt([first])
    await secrets.adopt([first])
    await secrets.adopt([first, more])
    await secrets.adopt([sound(await encrypted({ TOKEN: '2' })), more])
    await secrets.adopt([more])
    unfollow()
    await secrets.adopt([])
    expect(changes).toEqual([['OTHER', 'TOKEN'], ['MORE'], ['OTHER', 'TOKEN'], ['TOKEN']])
  })

  it('of the private key opens what was closed', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'hermes-sops-'))
    const secrets = secretsWith({}, { directory })
    const files = [sound(await encrypted({ TOKEN: 'value' }))]
    expect(await secrets.adopt(files)).toHaveLength(1)
    expect([secrets.isClosed, secrets.hasNewKeys()]).toEqual([true, false])
    await writeFile(join(directory, 'SOPS_AGE_KEY'), key.identity)
    expect(secrets.hasNewKeys()).toBe(true)
    expect(await secrets.adopt(files)).toEqual([])
    expect([secrets.get('TOKEN'), secrets.isClosed, secrets.hasNewKeys()]).toEqual(['value', false, false])
    await rm(directory, { recursive: true })
  })
})
