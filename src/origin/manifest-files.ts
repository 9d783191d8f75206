import { join } from 'node:path'
import { HermesError } from '../errors.ts'
import { removeDocument, replaceDocument, separateDocuments, setSuspend } from '../manifest/edit.ts'
import { canonicalHash } from '../manifest/hash.ts'
import { jsonOf } from '../manifest/json-text.ts'
import { kebabOf } from '../manifest/kind.ts'
import { type Key, keyOf, type Manifest, type Problem } from '../manifest/manifest.ts'
import type { ReadManifests } from '../manifest/read.ts'
import { createFile } from './atomic-write.ts'
import { codeOf } from './file-entry.ts'
import { deleteFile, type OpenFile, openFile, saveFile } from './open-file.ts'

/** What a write to the manifests came to. */
export interface ManifestWrite {
  /** The file that now holds (or held) the resource, relative to the root. */
  readonly file: string
  readonly key: Key
  readonly action: 'added' | 'updated' | 'deleted' | 'unchanged'
}

/**
 * Changes to the manifests in a directory, for those who do not edit files. Everything is validated before anything is
 * written; each file changes at once; calls run one after another. Errors are HermesErrors.
 */
export interface ManifestFiles {
  /** Writes each document of `text` into a new file. Throws `already_exists`, or the first problem with all of them in its message. */
  add(text: string): Promise<readonly ManifestWrite[]>
  /** Replaces each document of `text` where it stands. Throws `not_found`, or the first problem. */
  update(text: string): Promise<readonly ManifestWrite[]>
  /** Removes a document, and its file with the last one. Throws `not_found`. */
  delete(key: Key): Promise<ManifestWrite>
  /** Sets `spec.suspend`. Throws `not_found`. */
  suspend(key: Key, suspended: boolean): Promise<ManifestWrite>
}

export interface ManifestFilesOptions {
  readonly root: string
  readonly read: ReadManifests
  /** The manifests as they stand in the files at this moment. */
  readonly current: () => Promise<readonly Manifest[]>
}

/** The name that problems in a text without a file carry. */
const inputName = 'input'

export function manifestFiles(options: ManifestFilesOptions): ManifestFiles {
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work, work)
    last = turn.catch(() => undefined)
    return turn.catch((error: unknown) => Promise.reject(writeError(error)))
  }
  return {
    add: (text) => inTurn(() => add(options, text)),
    update: (text) => inTurn(() => update(options, text)),
    delete: (key) => inTurn(() => remove(options, key)),
    suspend: (key, suspended) => inTurn(() => suspend(options, key, suspended)),
  }
}

interface Incoming {
  readonly manifest: Manifest
  readonly text: string
}

async function add(options: ManifestFilesOptions, text: string): Promise<readonly ManifestWrite[]> {
  const incoming = validated(options.read, text)
  const present = byKey(await options.current())
  for (const { manifest } of incoming) {
    const other = present.get(keyOf(manifest))
    if (other === undefined) continue
    const { file, line } = other.at
    throw new HermesError('already_exists', `${keyOf(manifest)} exists in ${file}:${line}`, { at: other.at })
  }
  const writes: ManifestWrite[] = []
  for (const each of incoming) writes.push(await addOne(options.root, each))
  return writes
}

async function addOne(root: string, { manifest, text }: Incoming): Promise<ManifestWrite> {
  // A name of 253 characters and its kind do not fit into a file name: the hash tells two shortened ones apart.
  const full = `${kebabOf(manifest.kind)}-${manifest.name}`
  const base = full.length <= 200 ? full : `${full.slice(0, 180)}-${canonicalHash(full).slice(0, 12)}`
  for (let copy = 1; ; copy++) {
    const file = copy === 1 ? `${base}.yaml` : `${base}-${copy}.yaml`
    if (await createFile(join(root, file), text)) return { file, key: keyOf(manifest), action: 'added' }
  }
}

async function update(options: ManifestFilesOptions, text: string): Promise<readonly ManifestWrite[]> {
  const present = byKey(await options.current())
  const edits = new Map<string, FileEdit>()
  const writes: ManifestWrite[] = []
  for (const { manifest, text: replacement } of validated(options.read, text)) {
    const old = found(present, keyOf(manifest))
    const { file } = old.at
    const isEqual = contentHash(old) === contentHash(manifest)
    writes.push({ file, key: keyOf(manifest), action: isEqual ? 'unchanged' : 'updated' })
    if (isEqual) continue
    const edit = edits.get(file) ?? (await startEdit(options, file))
    const written = file.endsWith('.json') ? jsonOf(replacement) : replacement
    edits.set(file, { ...edit, text: replaceDocument(edit.text, old, written) })
    edit.expected.set(keyOf(old), contentHash(manifest))
  }
  for (const edit of edits.values()) verify(options.read, edit)
  for (const edit of edits.values()) await saveFile(edit.opened, edit.text)
  return writes
}

async function remove(options: ManifestFilesOptions, key: Key): Promise<ManifestWrite> {
  const old = found(byKey(await options.current()), key)
  const edit = await startEdit(options, old.at.file)
  const text = removeDocument(edit.text, old)
  edit.expected.delete(key)
  if (text === undefined) await deleteFile(edit.opened)
  else {
    verify(options.read, { ...edit, text })
    await saveFile(edit.opened, text)
  }
  return { file: old.at.file, key, action: 'deleted' }
}

async function suspend(options: ManifestFilesOptions, key: Key, suspended: boolean): Promise<ManifestWrite> {
  const old = found(byKey(await options.current()), key)
  const { file } = old.at
  const spec = old.spec as { readonly suspend?: boolean }
  if ((spec.suspend ?? false) === suspended) return { file, key, action: 'unchanged' }
  const edit = await startEdit(options, file)
  const text = setSuspend(edit.text, old, suspended)
  const { kind, name } = old
  const hash = canonicalHash({ kind, name, spec: { ...spec, suspend: suspended } })
  edit.expected.set(key, contentHash({ ...old, hash }))
  verify(options.read, { ...edit, text })
  await saveFile(edit.opened, text)
  return { file, key, action: 'updated' }
}

/** The documents of a text, all of them valid and different. */
function validated(read: ReadManifests, text: string): readonly Incoming[] {
  const { manifests, problems } = read(text, inputName)
  if (problems.length > 0) throw problemsError(problems)
  if (manifests.length === 0) throw new HermesError('request_invalid', 'the text holds no manifest')
  const twice = manifests.find((each, i) => manifests.findIndex((other) => keyOf(other) === keyOf(each)) < i)
  if (twice !== undefined) throw new HermesError('duplicate_name', `${keyOf(twice)} stands twice`, { at: twice.at })
  const texts = new Map(separateDocuments(text).map((each) => [keyOf(each), each.text]))
  return manifests.map((manifest) => ({ manifest, text: texts.get(keyOf(manifest)) ?? text }))
}

/** The first problem as an error; its message lists all of them. */
export function problemsError(problems: readonly Problem[]): HermesError {
  const [first] = problems
  const lines = problems.map(({ at, message }) => `${at.file}:${at.line}:${at.column} ${message}`)
  const code = (first?.code ?? 'request_invalid') as HermesError['code']
  return new HermesError(code, lines.join('\n'), first === undefined ? {} : { at: first.at, fix: first.fix })
}

/** A file on its way to new text, and what it is to declare then: content by key. */
interface FileEdit {
  readonly opened: OpenFile
  readonly text: string
  readonly expected: Map<Key, string>
}

async function startEdit({ root, read }: ManifestFilesOptions, file: string): Promise<FileEdit> {
  const opened = await openFile(root, file)
  return { opened, text: opened.text, expected: contents(read, opened.file, opened.text) }
}

/** An edit of text must not touch what it is not about: the result is read before it is written. */
function verify(read: ReadManifests, { opened, text, expected }: FileEdit): void {
  const actual = contents(read, opened.file, text)
  const isSame = actual.size === expected.size && [...expected].every(([key, hash]) => actual.get(key) === hash)
  if (isSame) return
  const fix = 'Edit the file by hand.'
  throw new HermesError('request_invalid', `${opened.file} could not be edited without touching more`, { fix })
}

function contents(read: ReadManifests, file: string, text: string): Map<Key, string> {
  return new Map(read(text, file).manifests.map((each) => [keyOf(each), contentHash(each)]))
}

function contentHash({ hash, labels, annotations }: Manifest): string {
  return canonicalHash({ hash, labels, annotations })
}

function byKey(manifests: readonly Manifest[]): ReadonlyMap<Key, Manifest> {
  return new Map(manifests.map((each) => [keyOf(each), each]))
}

function found(manifests: ReadonlyMap<Key, Manifest>, key: Key): Manifest {
  const manifest = manifests.get(key)
  if (manifest === undefined) throw new HermesError('not_found', `there is no ${key}`)
  return manifest
}

function writeError(error: unknown): HermesError {
  if (error instanceof HermesError) return error
  const reason = codeOf(error) ?? (error instanceof Error ? error.message : String(error))
  return new HermesError('file_unwritable', `the manifests could not be written: ${reason}`, { cause: error })
}
