import { posix } from 'node:path'
import { HermesError } from '../errors.ts'
import { type DocumentName, removeDocument, replaceDocument, separateDocuments, setSuspend } from '../manifest/edit.ts'
import { canonicalHash } from '../manifest/hash.ts'
import { jsonOf } from '../manifest/json-text.ts'
import { kebabOf } from '../manifest/kind.ts'
import { type Key, keyOf, type Manifest, type Problem } from '../manifest/manifest.ts'
import type { ReadManifests, ReadResult } from '../manifest/read.ts'
import { contentOf, type Declaration, declarationsOf, editable } from './declarations.ts'
import { readWithLists } from './lists.ts'
import type { FilesAtHand, ManifestChange, ManifestPlace, ManifestWrite, OpenManifest } from './manifest-place.ts'

/**
 * Changes to manifests, for those who do not edit files. Everything is validated before anything is written; calls run
 * one after another. Errors are HermesErrors.
 */
export interface ManifestFiles {
  /** Writes each document of `text` into a new file. Throws `already_exists`, or the first problem with all of them in its message. */
  add(text: string): Promise<readonly ManifestWrite[]>
  /** Replaces each document of `text` where it stands. Throws `not_found`, `generated`, or the first problem. */
  update(text: string): Promise<readonly ManifestWrite[]>
  /** Removes a document, and its file with the last one. Throws `not_found`, or `generated` for one of many. */
  delete(key: Key): Promise<ManifestWrite>
  /** Sets `spec.suspend`. Throws `not_found`, or `generated`. */
  suspend(key: Key, suspended: boolean): Promise<ManifestWrite>
}

export interface ManifestFilesOptions {
  readonly place: ManifestPlace
  readonly read: ReadManifests
}

/** What a change works on. */
interface Desk extends Pick<ManifestFilesOptions, 'read'> {
  readonly files: FilesAtHand
}

/** The name that problems in a text without a file carry. */
const inputName = 'input'

export function manifestFiles({ place, read }: ManifestFilesOptions): ManifestFiles {
  let last: Promise<unknown> = Promise.resolve()
  const change = (
    verb: ManifestChange['verb'],
    work: (desk: Desk) => Promise<readonly ManifestWrite[]>,
  ): Promise<readonly ManifestWrite[]> => {
    const run = (): Promise<readonly ManifestWrite[]> => place.change({ verb, run: (files) => work({ files, read }) })
    const turn = last.then(run, run)
    last = turn.catch(() => undefined)
    return turn
  }
  const changeOne = async (verb: ManifestChange['verb'], work: (desk: Desk) => Promise<ManifestWrite>) => {
    const [write] = await change(verb, async (desk) => [await work(desk)])
    return write as ManifestWrite
  }
  return {
    add: (text) => change('Add', (desk) => add(desk, text)),
    update: (text) => change('Update', (desk) => update(desk, text)),
    delete: (key) => changeOne('Delete', (desk) => remove(desk, key)),
    suspend: (key, suspended) => changeOne(suspended ? 'Suspend' : 'Resume', (desk) => suspend(desk, key, suspended)),
  }
}

/** A document that is to be written. */
interface Incoming extends DocumentName {
  readonly text: string
  readonly manifests: readonly Manifest[]
}

async function add(desk: Desk, text: string): Promise<readonly ManifestWrite[]> {
  const incoming = await validated(desk, text, inputName)
  const { files } = desk
  const present = new Map<Key, Pick<Manifest, 'at'>>(declarationsOf(files.manifests))
  for (const each of files.manifests) present.set(keyOf(each), each)
  for (const key of incoming.flatMap((each) => [keyOf(each), ...each.manifests.map(keyOf)])) {
    const other = present.get(key)
    if (other === undefined) continue
    const { file, line } = other.at
    throw new HermesError('already_exists', `${key} exists in ${file}:${line}`, { at: other.at })
  }
  const writes: ManifestWrite[] = []
  for (const each of incoming) writes.push(await addOne(files, each))
  return writes
}

async function addOne(files: FilesAtHand, incoming: Incoming): Promise<ManifestWrite> {
  const base = baseName(incoming)
  for (let copy = 1; ; copy++) {
    const file = copy === 1 ? `${base}.yaml` : `${base}-${copy}.yaml`
    if (await files.create(file, incoming.text)) return { file, key: keyOf(incoming), action: 'added' }
  }
}

/** What the file of a new document is called, without its ending. */
export function baseName({ kind, name }: DocumentName): string {
  // A name of 253 characters and its kind do not fit into a file name: the hash tells two shortened ones apart.
  // Endings that make a file something else than a manifest.
  const full = `${kebabOf(kind)}-${name}`.replace(/\.(test|sops)$/, '-$1')
  return full.length <= 200 ? full : `${full.slice(0, 180)}-${canonicalHash(full).slice(0, 12)}`
}

async function update(desk: Desk, text: string): Promise<readonly ManifestWrite[]> {
  const present = declarationsOf(desk.files.manifests)
  const edits = new Map<string, FileEdit>()
  const writes: ManifestWrite[] = []
  for (const incoming of await validated(desk, text, besideOld(present, text))) {
    const key = keyOf(incoming)
    const old = editable(present, key)
    const { file } = old.at
    const isEqual = isSame(old, incoming)
    writes.push({ file, key, action: isEqual ? 'unchanged' : 'updated' })
    if (isEqual) continue
    const edit = edits.get(file) ?? (await startEdit(desk, file))
    const written = file.endsWith('.json') ? jsonOf(incoming.text) : incoming.text
    edits.set(file, { ...edit, text: replaceDocument(edit.text, old, written) })
    expect(edit, key, incoming.manifests)
  }
  for (const edit of edits.values()) await verify(desk, edit)
  for (const edit of edits.values()) await edit.opened.save(edit.text)
  return writes
}

async function remove(desk: Desk, key: Key): Promise<ManifestWrite> {
  const old = editable(declarationsOf(desk.files.manifests), key)
  const edit = await startEdit(desk, old.at.file)
  const text = removeDocument(edit.text, old)
  edit.expected.delete(key)
  if (text === undefined) await edit.opened.delete()
  else {
    await verify(desk, { ...edit, text })
    await edit.opened.save(text)
  }
  return { file: old.at.file, key, action: 'deleted' }
}

async function suspend(desk: Desk, key: Key, suspended: boolean): Promise<ManifestWrite> {
  const old = editable(declarationsOf(desk.files.manifests), key)
  const { file } = old.at
  if (old.manifests.every((each) => isSuspended(each) === suspended)) return { file, key, action: 'unchanged' }
  const edit = await startEdit(desk, file)
  const text = setSuspend(edit.text, old, suspended)
  expect(
    edit,
    key,
    old.manifests.map((each) => withSuspend(each, suspended)),
  )
  await verify(desk, { ...edit, text })
  await edit.opened.save(text)
  return { file, key, action: 'updated' }
}

function isSuspended({ spec }: Manifest): boolean {
  return (spec as { readonly suspend?: boolean }).suspend ?? false
}

function withSuspend(manifest: Manifest, suspended: boolean): Manifest {
  const { kind, name } = manifest
  const spec = { ...Object(manifest.spec), suspend: suspended } as unknown
  return { ...manifest, spec, hash: canonicalHash({ kind, name, spec }) }
}

/** What a list decides is not all that a document with `forEach` says. */
function isSame(old: Declaration, incoming: Incoming): boolean {
  const [first] = old.manifests
  if (first?.generated !== undefined)
    return separateDocuments(first.text ?? '')[0]?.text.trim() === incoming.text.trim()
  return contentOf(old.manifests) === contentOf(incoming.manifests)
}

/** The documents of a text, all of them valid and different; `file` is what their places name. */
async function validated(desk: Desk, text: string, file: string): Promise<readonly Incoming[]> {
  const { manifests, problems } = await readAs(desk, file, text)
  if (problems.length > 0) throw problemsError(problems)
  const documents = separateDocuments(text)
  if (documents.length === 0) {
    const fix = 'Write at least one document with apiVersion, kind, metadata and spec.'
    throw new HermesError('request_invalid', 'the text holds no manifest', { fix })
  }
  const keys = [...documents.map(keyOf), ...manifests.filter(({ generated }) => generated !== undefined).map(keyOf)]
  const twice = keys.find((key, i) => keys.indexOf(key) < i)
  if (twice !== undefined) throw new HermesError('duplicate_name', `${twice} stands twice`)
  const declared = declarationsOf(manifests)
  return documents.map((each) => ({ ...each, manifests: declared.get(keyOf(each))?.manifests ?? [] }))
}

/** A name beside the first of a text's documents that is there: lists are named from where a document stands. */
function besideOld(present: ReadonlyMap<Key, Declaration>, text: string): string {
  const [old] = separateDocuments(text).flatMap((each) => present.get(keyOf(each)) ?? [])
  return old === undefined ? inputName : posix.join(posix.dirname(old.at.file), inputName)
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
  readonly opened: OpenManifest
  readonly text: string
  readonly expected: Map<Key, string>
}

async function startEdit(desk: Desk, file: string): Promise<FileEdit> {
  const opened = await desk.files.open(file)
  return { opened, text: opened.text, expected: await contents(desk, opened.file, opened.text) }
}

function expect({ expected }: FileEdit, key: Key, manifests: readonly Manifest[]): void {
  if (manifests.length === 0) expected.delete(key)
  else expected.set(key, contentOf(manifests))
}

/** An edit of text must not touch what it is not about: the result is read before it is written. */
async function verify(desk: Desk, { opened, text, expected }: FileEdit): Promise<void> {
  const actual = await contents(desk, opened.file, text)
  const isAsExpected = actual.size === expected.size && [...expected].every(([key, hash]) => actual.get(key) === hash)
  if (isAsExpected) return
  const fix = 'Edit the file by hand.'
  throw new HermesError('request_invalid', `${opened.file} could not be edited without touching more`, { fix })
}

async function contents(desk: Desk, file: string, text: string): Promise<Map<Key, string>> {
  const { manifests } = await readAs(desk, file, text)
  return new Map([...declarationsOf(manifests)].map(([key, each]) => [key, contentOf(each.manifests)]))
}

async function readAs({ files, read }: Desk, file: string, text: string): Promise<ReadResult> {
  return (await readWithLists(read, text, file, files.findLists)).result
}
