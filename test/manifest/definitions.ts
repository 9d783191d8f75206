import type { ListFiles } from '../../src/manifest/list.ts'
import { readList } from '../../src/manifest/list-file.ts'
import { manifestReader, type ReadResult } from '../../src/manifest/read.ts'
import { kinds } from './kinds.ts'

/** Reads a file of manifests. */
export const read = manifestReader(kinds)

/** A definition with this list; `spec` lines are put below it. */
export function definition(forEach: string, spec = '  file: { path: "/${each.symbol}.csv" }\n'): string {
  return `apiVersion: hermes/v1
kind: SourceDefinition
metadata: { name: quotes, labels: { provider: fmp } }
spec:
  forEach: ${forEach}
  schedule: { every: 1h }
  table: { name: quotes }
${spec}`
}

/** A definition whose list stands in a file with this text. */
export async function readFrom(file: string, text: string, spec?: string): Promise<ReadResult> {
  const list = await readList(new TextEncoder().encode(text), `dir/${file}`)
  const lists: ListFiles = (name) => (name === `dir/${file}` ? list : undefined)
  return read(definition(`{ from: ${file} }`, spec), 'dir/a.yaml', lists)
}

/** `line:column code`, with the file when it is not the manifest. */
export function problemsOf({ problems }: ReadResult): string[] {
  return problems.map(
    ({ at, code }) => `${at.file === 'dir/a.yaml' ? '' : `${at.file}:`}${at.line}:${at.column} ${code}`,
  )
}

/** The names of the resources, in their order. */
export function namesOf({ manifests }: ReadResult): string[] {
  return manifests.map(({ name }) => name)
}

/** The value of `params.v` of each resource. */
export function valuesOf({ manifests }: ReadResult): unknown[] {
  return manifests.map(({ spec }) => Object(spec).params.v as unknown)
}

/** Lines of a spec that show what becomes of an expression. */
export function withValue(expression: string): string {
  return `  file: { path: x }\n  params: { v: '${expression}' }\n`
}
