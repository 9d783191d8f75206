import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A field of the records: every record that has it has the same kind of value in it, so that types do not depend on who came first. */
interface Field {
  /** Column types that hold all its values; the first is not the inferred one everywhere. */
  readonly types: readonly string[]
  /** As JSON text; what a key may be made of is the same in every version. */
  readonly value: (id: number, version: number) => string
}

const day = (version: number, id: number): string => `2024-0${version + 1}-0${id}`

export const fields: Readonly<Record<string, Field>> = {
  id: { types: ['integer', 'bigint', 'numeric', 'text'], value: (id) => `${id}` },
  name: { types: ['text'], value: (id) => `"n${id}"` },
  qty: { types: ['integer', 'bigint', 'numeric', 'double', 'text'], value: (id) => `${id * 10}` },
  price: {
    types: ['double', 'numeric', 'numeric(12,4)', 'numeric(14,6)', 'text'],
    value: (id, version) => `${id + version}.25`,
  },
  day: { types: ['date', 'timestamptz', 'text'], value: (id, version) => `"${day(version, id)}"` },
  at: { types: ['timestamptz', 'text'], value: (id, version) => `"${day(version, id)}T0${id}:00:00.5Z"` },
  flag: { types: ['boolean', 'text'], value: (id, version) => `${(id + version) % 2 === 0}` },
  tags: { types: ['json', 'text'], value: (id, version) => `[${id},{"b":${version}.5}]` },
  big: { types: ['numeric', 'text'], value: (id, version) => `1234567890123456789012${id}${version}` },
  uid: { types: ['uuid', 'text'], value: (id, version) => `"00000000-0000-4000-8000-0000000000${version}${id}"` },
  // Undeclared it is text; a table that once had it as bytes refuses that, which is a legitimate difference.
  raw: { types: ['bytes'], value: (id) => `"AAE${id}"` },
  created_at: { types: ['timestamptz', 'text'], value: (id) => `"2020-02-0${id}T00:00:00Z"` },
}

/** The versions of the data: what fields their records have. */
export const versions: readonly (readonly string[])[] = [
  ['id', 'name', 'qty', 'price', 'day', 'flag'],
  ['id', 'name', 'qty', 'at', 'tags', 'big'],
  ['id', 'name', 'price', 'uid', 'raw', 'day', 'created_at'],
  ['id', 'name', 'qty', 'price', 'flag'],
]

const CSV = 3
const ids = [1, 2, 3, 4]
const keyable = new Set(['id', 'name', 'qty', 'raw'])

export function dataFile(version: number): string {
  return version === CSV ? 'v3.csv' : `v${version}.jsonl`
}

/** All records of a version as a JSON list. */
export function records(version: number): string[] {
  return ids.map((id) => {
    const members = (versions[version] ?? []).map((name) => `"${name}":${valueOf(name, id, version)}`)
    return `{${members.join(',')}}`
  })
}

function valueOf(name: string, id: number, version: number): string {
  return id === ids.at(-1) && !keyable.has(name) ? 'null' : (fields[name]?.value(id, version) ?? 'null')
}

export async function writeData(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true })
  for (const version of versions.keys()) {
    const text = version === CSV ? csv(version) : records(version).join('\n')
    await writeFile(join(directory, dataFile(version)), `${text}\n`)
  }
}

function csv(version: number): string {
  const names = versions[version] ?? []
  const lines = ids.map((id) =>
    names.map((name) => valueOf(name, id, version).replaceAll(/^"|"$|^null$/g, '')).join(','),
  )
  return [names.join(','), ...lines].join('\n')
}
