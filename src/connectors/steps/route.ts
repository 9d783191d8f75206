import type { FromSchema } from 'json-schema-to-ts'
import { HermesError } from '../../errors.ts'
import { type Batch, type Meta, noMeta } from '../../stream/batch.ts'
import { pick, withMetas } from '../../stream/batches.ts'
import type { Failure, StepConnector, Stepped } from '../../stream/step.ts'
import { emptyOf, failureReason } from './each-message.ts'
import { MessageVariables, messageCondition } from './message-scope.ts'

const name = { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9_-]*$' } as const

const config = {
  type: 'object',
  description:
    'Names the branch that a message takes: only sinks of that branch get it. The first branch whose condition holds is ' +
    'taken. A message for which none holds takes `default`; without one it keeps the branch that an earlier step gave ' +
    'it, or goes to every sink. A message for which a condition cannot be evaluated goes to the dead letters.',
  additionalProperties: false,
  required: ['branches'],
  properties: {
    branches: {
      type: 'array',
      minItems: 1,
      description: 'Asked in this order.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['to', 'when'],
        properties: {
          to: { ...name, description: 'Name of the branch.' },
          when: {
            type: 'string',
            minLength: 1,
            'x-expression': true,
            description: 'A CEL condition over `message`, `meta` and `now`.',
          },
        },
      },
    },
    default: { ...name, description: 'The branch of all other messages.' },
  },
  examples: [{ branches: [{ to: 'hot', when: 'message.price > 100' }], default: 'cold' }],
} as const

export type RouteConfig = FromSchema<typeof config>

export const routeStep: StepConnector<RouteConfig> = {
  type: 'route',
  summary: 'Chooses the sinks of a message by conditions.',
  config,
  open: (rules) => {
    const branches = rules.branches.map(({ to, when }) => ({ to, condition: messageCondition(when) }))
    const routeOf = (variables: MessageVariables): string | undefined => {
      for (const { to, condition } of branches) {
        try {
          if (condition.test(variables)) return to
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error)
          throw new HermesError('message_invalid', `${to}: ${reason}`, { cause: error })
        }
      }
      return rules.default
    }
    /** The metas of messages of which nothing but the branch is known, one for each branch. */
    const bare = new Map([...branches.map(({ to }) => to), rules.default].map((to) => [to, routed(noMeta, to)]))
    const metaOf = (meta: Meta, to: string | undefined): Meta =>
      meta === noMeta ? (bare.get(to) ?? meta) : routed(meta, to)
    return { apply: (batch, now) => apply(batch, new MessageVariables(batch, now), routeOf, metaOf) }
  },
}

function routed(meta: Meta, route: string | undefined): Meta {
  return route === undefined || route === meta.route ? meta : { ...meta, route }
}

function apply(
  batch: Batch,
  variables: MessageVariables,
  routeOf: (variables: MessageVariables) => string | undefined,
  metaOf: (meta: Meta, route: string | undefined) => Meta,
): Stepped {
  const kept: number[] = []
  const metas: Meta[] = []
  const failures: Failure[] = []
  let isChanged = false
  for (let index = 0; index < batch.size; index++) {
    try {
      const route = routeOf(variables.at(index))
      const meta = metaOf(variables.meta, route)
      isChanged ||= meta !== variables.meta
      kept.push(index)
      metas.push(meta)
    } catch (error) {
      failures.push({ index, reason: failureReason('route', error) })
    }
  }
  if (failures.length === 0) return { batch: isChanged ? withMetas(batch, metas) : batch }
  return { batch: kept.length === 0 ? emptyOf(batch) : withMetas(pick(batch, kept), metas), failures }
}
