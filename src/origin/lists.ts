import { hash } from 'node:crypto'
import type { List, ListFile } from '../manifest/list.ts'
import { readList } from '../manifest/list-file.ts'
import type { ReadManifests, ReadResult } from '../manifest/read.ts'

/** A list that manifests name, as it was when they were read. */
export interface ListMark {
  /** Relative to the root, with forward slashes. */
  readonly file: string
  /** What it looked like from outside, as a file's signature; empty when it is to be looked at again. */
  readonly signature: string
  /** Of its content; equal for lists that are missing. */
  readonly hash: string
  /** Milliseconds since the epoch; 0 when that cannot be told. */
  readonly changedAt: number
}

/** A list's file: its content, not looked at yet, or why there is none. */
export interface FoundList {
  readonly mark: ListMark
  readonly content: Uint8Array | Exclude<ListFile, List>
}

/** Looks files up, in their order. */
export type FindLists = (files: readonly string[]) => Promise<readonly FoundList[]>

/** What a file of manifests declares, and the lists that this depends on. */
export interface ReadWithLists {
  readonly result: ReadResult
  readonly lists: readonly ListMark[]
}

const none: readonly never[] = Object.freeze([])

/** Reads a file of manifests; one that names lists is read again when they are at hand. */
export async function readWithLists(
  read: ReadManifests,
  content: string | Uint8Array,
  file: string,
  find: FindLists,
): Promise<ReadWithLists> {
  const result = read(content, file)
  if (result.lists.length === 0) return { result, lists: none }
  const found = await find(result.lists)
  const lists = new Map<string, ListFile>()
  for (const each of found) lists.set(each.mark.file, await parsed(each))
  return { result: read(content, file, (name) => lists.get(name)), lists: found.map(({ mark }) => mark) }
}

/** The lists as they are now. */
export async function lookAgain(lists: readonly ListMark[], find: FindLists): Promise<readonly ListMark[]> {
  if (lists.length === 0) return none
  return (await find(lists.map(({ file }) => file))).map(({ mark }) => mark)
}

/** One hash over a file's content and its lists. */
export function hashWith(own: string, lists: readonly ListMark[]): string {
  if (lists.length === 0) return own
  return hash('sha256', [own, ...lists.map((list) => `${list.file}\0${list.hash}`)].join('\n'))
}

/** The mark of what is not there. */
export function missing(file: string, signature: string, reason: string): FoundList {
  return { mark: { file, signature, hash: 'missing', changedAt: 0 }, content: { missing: reason } }
}

function parsed({ mark, content }: FoundList): Promise<ListFile> | ListFile {
  return content instanceof Uint8Array ? readList(content, mark.file) : content
}
