// `npm run gen` writes what is generated from the code; with --check it only compares, and fails on a difference.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  buffers,
  connectionSchemas,
  sinks,
  sources,
  steps,
  streamSources,
  validators,
} from '../src/connectors/index.ts'
import { ownTableSink } from '../src/connectors/sinks/workflow-table.ts'
import { errorTable } from '../src/errors.ts'
import { publishedSchema, schemaFile } from '../src/manifest/schema.ts'
import { kinds } from '../src/resources/kinds.ts'
import { workflowSchema } from '../src/resources/workflow-spec.ts'
import { workflowTestKind } from '../src/resources/workflow-test-spec.ts'
import { cliReference } from './cli-reference.ts'
import { connectorReference, workflowReference } from './connector-reference.ts'
import { connectorTypes, type Rooms } from './connector-types.ts'
import { errorReference } from './error-reference.ts'
import type { Schema } from './schema-fields.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The spec of a SourceDefinition without the connectors. */
function commonFields(): Schema {
  const spec = kinds.find(({ kind }) => kind === 'SourceDefinition')?.spec as { properties: Schema }
  return { properties: Object.fromEntries(Object.entries(spec.properties).filter(([name]) => !(name in sources))) }
}

/** The spec of a Workflow without the connectors. */
function workflowFields(): Schema {
  const connectors = { sources: {}, validators: {}, steps: {}, buffers: {}, sinks: {} }
  const { properties } = workflowSchema(connectors) as { properties: Schema }
  const places = new Set(['source', 'validate', 'steps', 'buffer'])
  return { properties: Object.fromEntries(Object.entries(properties).filter(([name]) => !places.has(name))) }
}

/** The types of a pipeline in a program: what only a service has is left out. */
function pipelineTypes(): string {
  const { webhook: _webhook, dead_letter: _letters, workflow: _source, ...Sources } = streamSources
  const { workflow: _sink, ...others } = sinks
  const Sinks = { ...others, table: ownTableSink }
  const { properties } = workflowSchema({
    sources: {},
    validators: {},
    steps: {},
    buffers: {},
    sinks: {},
  }) as unknown as Described
  const rooms = { Sources, Validators: validators, Steps: steps, Buffers: buffers, Sinks } as unknown as Rooms
  const { http } = connectionSchemas
  return connectorTypes(rooms, {
    SinkFields: { ...properties.sinks?.items, description: 'What is said of a sink beside its connector.' },
    Delivery: properties.delivery as Schema,
    HttpConnection: http,
  })
}

interface Described {
  readonly properties: Readonly<Record<string, Schema & { readonly items?: Schema }>>
}

const jsonText = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`

/** The schema for files with documents of several kinds: the kind decides. */
function anyKind(schemas: readonly Schema[]): Schema {
  const named = schemas.map(({ $schema: _, $id: __, ...schema }) => [String(schema.title), schema] as const)
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:hermes:v1:manifest',
    title: 'Manifest',
    description: 'A resource of any kind.',
    type: 'object',
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    properties: { kind: { enum: named.map(([kind]) => kind) } },
    allOf: named.map(([kind]) => ({
      if: { required: ['kind'], properties: { kind: { const: kind } } },
      then: { $ref: `#/$defs/${kind}` },
    })),
    $defs: Object.fromEntries(named),
  }
}

/** Every generated file, path below the repository to text. */
async function generate(): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const kind of [...kinds, workflowTestKind]) {
    files.set(`schemas/${schemaFile(kind.kind)}`, jsonText(publishedSchema(kind)))
  }
  files.set('schemas/manifest.json', jsonText(anyKind(kinds.map(publishedSchema))))
  files.set('docs/errors.md', errorReference(errorTable))
  files.set('docs/reference/connectors.md', connectorReference(sources, connectionSchemas, commonFields()))
  const workflow = {
    common: workflowFields(),
    sources: streamSources,
    validators,
    steps,
    buffers,
    sinks,
    tests: workflowTestKind.spec,
  }
  files.set('docs/reference/workflows.md', workflowReference(workflow))
  files.set('src/library/connector-types.ts', pipelineTypes())
  files.set('docs/reference/cli.md', await cliReference())
  return files
}

/** Schemas of kinds that are no more. */
function leftovers(files: ReadonlyMap<string, string>): string[] {
  const folder = join(root, 'schemas')
  const there = existsSync(folder) ? readdirSync(folder).map((name) => `schemas/${name}`) : []
  return there.filter((path) => !files.has(path))
}

function differs(path: string, text: string): boolean {
  const file = join(root, path)
  return !existsSync(file) || readFileSync(file, 'utf8') !== text
}

const files = await generate()
const changed = [...files].filter(([path, text]) => differs(path, text))
if (process.argv.includes('--check')) {
  const wrong = [...changed.map(([path]) => path), ...leftovers(files)]
  for (const path of wrong) console.error(`${path} is not what the code says`)
  if (wrong.length > 0) {
    console.error('Fix: run npm run gen and commit what it writes.')
    process.exitCode = 1
  }
} else {
  for (const [path, text] of changed) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
    console.log(`wrote ${path}`)
  }
  for (const path of leftovers(files)) console.error(`${path} belongs to no kind; remove it`)
}
