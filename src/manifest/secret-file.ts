import type { Location } from '../errors.ts'
import { parseDocuments } from './documents.ts'
import type { Problem } from './manifest.ts'
import type { Path } from './path.ts'
import { startOf } from './problem.ts'
import { invalid, notEncrypted, problemOf, type SecretFault } from './secret-fault.ts'
import { isSecretName } from './secrets.ts'
import { parseEnvelope, type SopsEnvelope } from './sops-envelope.ts'
import { parseSopsValue, type SopsValue } from './sops-value.ts'
import { placeOf } from './yaml-place.ts'
import { valueOf, type YamlFault } from './yaml-value.ts'

/** A file of secrets: names in the open, values encrypted by SOPS. */
export interface SecretFile {
  readonly file: string
  /** In the order in which they are written. */
  readonly entries: ReadonlyMap<string, SecretEntry>
  /** How it is encrypted; or why no key can open it: then there may be entries whose names cannot be read. */
  readonly envelope: PlacedEnvelope | SecretFault
}

/** With the places of the encrypted data keys and of the authentication code. */
export interface PlacedEnvelope extends SopsEnvelope {
  readonly at: Location
  readonly macAt: Location
}

export interface SecretEntry {
  readonly at: Location
  /** Bytes where it is not encrypted: the authentication code may cover them all the same. */
  readonly value: SopsValue | Uint8Array
  /** Why it gives no secret, whatever the key. */
  readonly fault?: SecretFault
}

/** What a look without any key tells. A file without `secrets` may be a manifest under a wrong name. */
export interface SecretFileReading {
  readonly secrets?: SecretFile
  readonly problems: readonly Problem[]
}

/** Whether a file is named as one of secrets; manifests in it are not in force. */
export function isSecretFile(file: string): boolean {
  return /[^/]\.sops\.(ya?ml|json)$/.test(file)
}

/** Reads the structure of a file of secrets. Never throws. */
export function readSecretFile(text: string, file: string): SecretFileReading {
  const { documents, locate } = parseDocuments(text, file)
  const [only, second] = documents
  if (only === undefined || second !== undefined) return unusable(file, [notMapping(startOf(file))])
  const { value, faults } = only.faults.length > 0 ? { value: null, faults: only.faults } : valueOf(only.document)
  const broken = faults.map((each) => yamlFault(each, locate))
  if (broken.length > 0) return unusable(file, broken)
  const at = (...path: Path): Location => locate(placeOf(only.document, path).value)
  if (!isMapping(value)) return unusable(file, [notMapping(at())])
  if (!isManifest(value)) return readMapping(value, file, at)
  return { problems: [problemOf(invalid(`${file} holds a manifest; only files of secrets are named so`, at()))] }
}

function notMapping(at: Location): SecretFault {
  return invalid(`${at.file} must hold one mapping of names to values, as SOPS writes it`, at)
}

/** A problem at each place of a name that several files have: none of them counts. */
export function duplicateSecrets(files: readonly SecretFile[]): readonly Problem[] {
  if (files.length < 2) return []
  const places = files.flatMap(({ entries }) => [...entries].map(([name, { at }]) => ({ name, at })))
  return [...Map.groupBy(places, ({ name }) => name).values()].flatMap((same) =>
    same.length < 2 ? [] : same.map(({ name, at }) => problemOf(duplicate(name, at, same), name)),
  )
}

function duplicate(name: string, at: Location, places: readonly { readonly at: Location }[]): SecretFault {
  const others = places.filter((each) => each.at !== at).map((each) => `${each.at.file}:${each.at.line}`)
  return { code: 'secret_duplicate', message: `the secret ${name} is also in ${others.join(', ')}`, at }
}

function readMapping({ sops, ...fields }: Fields, file: string, at: (...path: Path) => Location): SecretFileReading {
  const names = Object.keys(fields)
  const envelope = sops === undefined ? undefined : parseEnvelope(sops)
  const known = new Map(names.map((name) => [name, at(name)]))
  if (envelope === undefined) return unusable(file, [notEncrypted(file, at(...names.slice(0, 1)))], known)
  if (typeof envelope === 'string') {
    return unusable(file, [invalid(`${file} cannot be opened: ${envelope}`, at('sops'))], known)
  }
  const nested = names.filter((name) => isMapping(fields[name]) || Array.isArray(fields[name]))
  const faults = nested.map((name) => invalid(`${name} in ${file} is no text, but a mapping or a list`, at(name)))
  if (faults.length > 0) return unusable(file, faults, known)
  const entries = new Map(names.map((name) => [name, entryOf(name, fields[name], at(name))]))
  const problems = [...entries].flatMap(([name, { fault }]) => (fault === undefined ? [] : [problemOf(fault, name)]))
  const places = { at: at('sops', 'age'), macAt: at('sops', 'mac') }
  return { secrets: { file, entries, envelope: { ...envelope, ...places } }, problems }
}

/** Nothing is kept of the values: they may be there for everybody to read. */
function unusable(
  file: string,
  faults: readonly SecretFault[],
  names: ReadonlyMap<string, Location> = new Map(),
): SecretFileReading {
  const problems = faults.map((each) => problemOf(each))
  const [fault] = faults
  if (fault === undefined) return { problems }
  const entries = new Map([...names].map(([name, at]) => [name, { at, value: Buffer.alloc(0), fault }]))
  return { secrets: { file, entries, envelope: fault }, problems }
}

function entryOf(name: string, field: unknown, at: Location): SecretEntry {
  const sealed = typeof field === 'string' ? parseSopsValue(field) : undefined
  const what = `${name} in ${at.file}`
  const value = sealed ?? plainBytes(field)
  if (!isSecretName(name)) return { at, value, fault: invalid(`${what} ${badName}`, at) }
  if (field === '' || field === null) return { at, value, fault: invalid(`${what} is empty`, at) }
  if (sealed === undefined) return { at, value, fault: notEncrypted(what, at) }
  return sealed.type === 'str' ? { at, value } : { at, value, fault: invalid(`${what} ${noText}`, at) }
}

const badName = 'is not the name of a secret: capital letters, digits and _'
const noText = 'was no text when it was encrypted, and may have lost digits; put it in quotes and encrypt it again'

/** As SOPS counts it in the authentication code. */
function plainBytes(field: unknown): Uint8Array {
  if (typeof field === 'boolean') return Buffer.from(field ? 'True' : 'False')
  return Buffer.from(typeof field === 'string' || typeof field === 'number' ? `${field}` : '')
}

/** The parser's own words may repeat what stands there. */
function yamlFault({ code, message, offset }: YamlFault, locate: (offset: number) => Location): SecretFault {
  const at = locate(offset)
  if (code === 'yaml_duplicate_key') return { code, message, at }
  return { code: 'yaml_syntax', message: `${at.file} is not YAML, or not in the form that SOPS writes`, at }
}

type Fields = Readonly<Record<string, unknown>>

function isMapping(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isManifest(value: Fields): boolean {
  return value['sops'] === undefined && 'apiVersion' in value && 'kind' in value
}
