/** A small valid source; `spec` lines are put below it, indented as they are. */
export function sourceText(name: string, more = ''): string {
  return `apiVersion: hermes/v1
kind: SourceDefinition
metadata: { name: ${name} }
spec:
  schedule: { every: 15m }
  file: { path: data.csv }
  table: { name: prices }
${more}`
}

/** A small valid definition of one source for each element of a list. */
export function definitionText(name: string, forEach: string): string {
  return `apiVersion: hermes/v1
kind: SourceDefinition
metadata: { name: ${name} }
spec:
  forEach: ${forEach}
  schedule: { every: 15m }
  file: { path: x }
  table: { name: prices }
`
}
