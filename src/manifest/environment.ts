import { Environment, type ObjectSchema } from '@marcbachmann/cel-js'
import type { Scope, VariableType } from './scope.ts'

const celTypes = {
  string: 'string',
  int: 'int',
  double: 'double',
  bool: 'bool',
  timestamp: 'google.protobuf.Timestamp',
  list: 'list<dyn>',
  dyn: 'dyn',
} as const

const maxKept = 256
const kept = new Map<string, Environment>()
let open: Environment | undefined

/** The environment that type-checks against `scope`; making one costs more than using it, so they are kept. */
export function environmentOf(scope: Scope): Environment {
  const key = JSON.stringify(scope)
  const known = kept.get(key)
  if (known !== undefined) return known
  const environment = blank(false).registerVariable('secrets', 'map<string, string>')
  for (const [name, type] of Object.entries(scope)) {
    if (typeof type === 'string') environment.registerVariable(name, celTypes[type])
    else environment.registerVariable({ name, schema: schemaOf(type) })
  }
  if (kept.size >= maxKept) kept.clear()
  kept.set(key, environment)
  return environment
}

/** The environment that evaluates what was type-checked before: variables have the type of their values. */
export function openEnvironment(): Environment {
  open ??= blank(true)
  return open
}

function blank(unlistedVariablesAreDyn: boolean): Environment {
  return new Environment({ unlistedVariablesAreDyn, homogeneousAggregateLiterals: false }).registerFunction(
    'string(google.protobuf.Timestamp): string',
    (time: Date) => time.toISOString(),
  )
}

function schemaOf(type: { readonly [field: string]: VariableType }): ObjectSchema {
  const fields = Object.entries(type).map(([name, each]) => {
    return [name, typeof each === 'string' ? celTypes[each] : schemaOf(each)] as const
  })
  return Object.fromEntries(fields)
}
