import { readdirSync, readFileSync } from 'node:fs'
import { HermesError } from '../../errors.ts'
import { isKind } from '../resource-name.ts'
import type { Verb } from '../verb.ts'

/** `hermes schema [KIND]`: the JSON Schema of a kind's manifests; without one, the kinds. */
export const schema: Verb = {
  define: (command) => command.argument('[kind]', 'Connection, SourceDefinition, Workflow, WorkflowTest'),
  examples: [
    ['hermes schema', 'the kinds there are'],
    ['hermes schema Manifest > manifest.json', 'for files with documents of several kinds'],
    ['hermes schema SourceDefinition > source.json', 'for `# yaml-language-server: $schema=source.json`'],
  ],
  run: async ({ args: [kind], environment }) => {
    const all = readSchemas()
    const schemas = all.filter(({ title }) => title !== ANY_KIND)
    if (kind === undefined)
      return environment.stdout.write(schemas.map(({ title, description }) => `${title}  ${description}\n`).join(''))
    const found = all.find(({ title }) => isKind(kind, title))
    if (found === undefined) {
      const known = schemas.map(({ title }) => title).join(', ')
      throw new HermesError('not_found', `there is no kind ${kind}`, { fix: `Use one of ${known}.` })
    }
    environment.stdout.write(found.text)
  },
}

/** The schema of a file with documents of several kinds; not a kind itself. */
const ANY_KIND = 'Manifest'

interface PublishedSchema {
  readonly title: string
  readonly description: string
  readonly text: string
}

/** The schemas that come with the package. */
function readSchemas(): readonly PublishedSchema[] {
  const dir = new URL('../../../schemas/', import.meta.url)
  return readdirSync(dir)
    .filter((file) => file.endsWith('.json'))
    .map((file) => {
      const text = readFileSync(new URL(file, dir), 'utf8')
      const { title, description } = JSON.parse(text) as { title?: string; description?: string }
      return { title: title ?? file, description: description ?? '', text }
    })
    .toSorted((one, other) => (one.title < other.title ? -1 : 1))
}
