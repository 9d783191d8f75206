import { sinks as allSinks, buffers, connectionSchemas, steps, streamSources, validators } from '../connectors/index.ts'
import { ownTableSink } from '../connectors/sinks/workflow-table.ts'
import { HermesError } from '../errors.ts'
import { canonicalHash } from '../manifest/hash.ts'
import type { KindDefinition } from '../manifest/kind.ts'
import { keyOf, type Manifest } from '../manifest/manifest.ts'
import { apiVersion } from '../manifest/schema.ts'
import { validateDocument } from '../manifest/validate.ts'
import { validatorOf } from '../manifest/validator.ts'
import { type ConnectionSpec, connectionSchema } from '../resources/connection.ts'
import { workflowKind } from '../resources/workflow-kind.ts'
import type { WorkflowConnectors, WorkflowSpec } from '../resources/workflow-spec.ts'
import type { JsonSchema } from '../stream/connector.ts'
import { type Code, extractCode } from './extract-code.ts'

/** What a pipeline is, validated, with the defaults filled in. */
export interface ReadPipeline {
  readonly manifest: Manifest<WorkflowSpec>
  readonly connection?: Manifest<ConnectionSpec>
  readonly code: Code
}

/** Own code, as the schema sees it: what stands there is the place of the code in its list. */
const codeConfig: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['index'],
  properties: { index: { type: 'integer' } },
}

/** Own code beside the connectors of a room. */
export function withCode<T extends Readonly<Record<string, unknown>>>(connectors: T, open: unknown) {
  return { ...connectors, code: { type: 'code', summary: 'Own code.', config: codeConfig, open } } as const
}

/** What only a service has: webhooks are sent to it, it keeps dead letters, and it runs several workflows. */
const { webhook: _webhook, dead_letter: _letters, workflow: _source, ...sources } = streamSources
const { workflow: _sink, ...others } = allSinks
const sinks = { ...others, table: ownTableSink }

/** Every connector that a pipeline may be made of, and how own code is opened. */
export function pipelineConnectors(open: { source: unknown; step: unknown; sink: unknown }): WorkflowConnectors {
  return {
    sources: withCode(sources, open.source),
    validators,
    steps: withCode(steps, open.step),
    buffers,
    sinks: withCode(sinks, open.sink),
  }
}

const kind = pipelineKind()
const kinds = new Map([[kind.kind, { definition: kind, validate: validatorOf(kind) }]])

/** A Workflow as the service has it, with its Connection in place of the Connection's name. */
function pipelineKind(): KindDefinition {
  const workflow = workflowKind(pipelineConnectors({ source: undefined, step: undefined, sink: undefined }))
  const { suspend, deadLetter, ...properties } = workflow.spec['properties'] as Readonly<Record<string, JsonSchema>>
  const connection = connectionSchema({ http: connectionSchemas.http })
  return { ...workflow, spec: { ...workflow.spec, properties: { ...properties, connection } } }
}

/** Reads what a pipeline is. Throws all that is wrong with it, each with the path of the field. */
export function readOptions(name: string, options: Readonly<Record<string, unknown>>): ReadPipeline {
  refuseWebhook(options['source'])
  const { spec, code } = extractCode(options)
  const document = { apiVersion, kind: kind.kind, metadata: { name }, spec }
  const findings = validateDocument(document, kinds)
  refuse(findings)
  const { connection, ...rest } = spec
  const http = connection as ConnectionSpec | undefined
  const workflow = (http === undefined ? rest : { ...rest, connection: name }) as unknown as WorkflowSpec
  const manifest = manifestOf('Workflow', name, workflow)
  refuse(kind.check?.(manifest) ?? [])
  return { manifest, code, ...(http === undefined ? {} : { connection: manifestOf('Connection', name, http) }) }
}

function refuseWebhook(source: unknown): void {
  if (typeof source !== 'object' || source === null || !Object.hasOwn(source, 'webhook')) return
  throw new HermesError('invalid_value', 'source.webhook: webhooks are sent to the service, and here is none', {
    fix: 'Run it as a Workflow with `hermes serve`, or hand over a source of your own.',
  })
}

function manifestOf<Spec>(of: string, name: string, spec: Spec): Manifest<Spec> {
  const at = { file: name, line: 1, column: 1 }
  const about = { kind: of, name, labels: {}, annotations: {}, spec, at }
  return { ...about, key: keyOf(about), locate: () => at, hash: canonicalHash(spec) }
}

interface Wrong {
  readonly code: string
  readonly message: string
  readonly fix?: string
}

/** One error for all that is wrong. */
function refuse(found: readonly Wrong[]): void {
  const [first] = found
  if (first === undefined) return
  const lines = found.map(({ message }) => message.replace(/^(?:spec|metadata)\./, ''))
  const message =
    lines.length === 1 ? lines[0] : `${lines.length} problems:\n${lines.map((each) => `  ${each}`).join('\n')}`
  const fix = first.fix === undefined || lines.length > 1 ? {} : { fix: first.fix }
  throw new HermesError(
    first.code as 'invalid_value',
    `the pipeline ${lines.length === 1 ? 'is wrong: ' : 'has '}${message}`,
    fix,
  )
}
