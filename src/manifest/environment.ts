import { Environment, type ObjectSchema } from '@marcbachmann/cel-js'
import { HermesError } from '../errors.ts'
import { registerNumbers } from './expression-number.ts'
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
  open ??= withShallowTypes(blank(true))
  return open
}

/** What the evaluator that CEL's functions are called on tells types with. */
interface TypeTelling {
  debugType(value: unknown): unknown
  debugTypeDeep(value: unknown): unknown
}

/**
 * The library works out the whole type of each operand, `list<map<string, list<…>>>`, and keeps every type that it ever
 * saw: values from outside would fill the memory with their shapes. A list is a list here, a map a map.
 */
function withShallowTypes(environment: Environment): Environment {
  let told = false
  environment.registerFunction('evaluator(): bool', function (this: TypeTelling) {
    told = typeof this.debugTypeDeep === 'function'
    this.debugTypeDeep = (value) => this.debugType(value)
    return true
  })
  environment.evaluate('evaluator()')
  if (!told) throw new HermesError('internal', 'the CEL library has changed: see withShallowTypes')
  return environment
}

function blank(unlistedVariablesAreDyn: boolean): Environment {
  const environment = new Environment({ unlistedVariablesAreDyn, homogeneousAggregateLiterals: false })
  return registerNumbers(environment).registerFunction('string(google.protobuf.Timestamp): string', (time: Date) =>
    time.toISOString(),
  )
}

function schemaOf(type: { readonly [field: string]: VariableType }): ObjectSchema {
  const fields = Object.entries(type).map(([name, each]) => {
    return [name, typeof each === 'string' ? celTypes[each] : schemaOf(each)] as const
  })
  return Object.fromEntries(fields)
}
