import type { FromSchema } from 'json-schema-to-ts'
import type { Connector } from '../../stream/connector.ts'
import type { Sink } from '../../stream/sink.ts'
import type { WorkflowLinkContext } from '../workflow-link.ts'

const config = {
  type: 'object',
  description:
    'Hands messages to another workflow, where they pass validation, steps and sinks like those of its own source. A ' +
    'message counts as delivered when that workflow holds it durably: in every sink, in a durable buffer, or among its ' +
    'dead letters. While the other does not run, this one waits.',
  additionalProperties: false,
  required: ['name'],
  properties: {
    name: {
      type: 'string',
      minLength: 1,
      description: 'Name of the other workflow; one without a source of its own has `source: {workflow: {}}`.',
    },
  },
} as const

export type WorkflowSinkConfig = FromSchema<typeof config>

/** Another workflow. */
export const workflowSink = {
  type: 'workflow',
  summary: 'Another workflow.',
  config,
  open: async ({ name }: WorkflowSinkConfig, { link }: WorkflowLinkContext): Promise<Sink> => ({
    write: async (batch, signal) => {
      await link.send(name, batch, signal)
      return []
    },
    ping: async () => link.check(name),
    [Symbol.asyncDispose]: async () => {},
  }),
} satisfies Omit<Connector<Sink, WorkflowSinkConfig>, 'open'> & { readonly open: unknown }
