import { readsElement } from './element-binding.ts'
import { type Fault, tryCompile, type Variables } from './expression.ts'
import type { JsonSchema } from './kind.ts'
import { type Path, pathText } from './path.ts'
import { mapStrings, type TextRule } from './schema-walk.ts'
import { elementVariable, type Scope } from './scope.ts'
import { hasExpression, type Template, tryTemplate } from './template.ts'

/** A fault in the string at `path` of the value that was checked. */
export interface TemplateFault extends Fault {
  readonly path: Path
}

/** Checks every expression in `value` by the annotations of its schema; `above` goes before each path. */
export function checkTemplates(
  value: unknown,
  schema: JsonSchema,
  scope: Scope,
  above: Path = [],
): readonly TemplateFault[] {
  const faults: TemplateFault[] = []
  mapStrings(value, schema, (text, rule, below) => {
    if (rule.verbatim) return undefined
    if (!rule.expression && rule.secretOnly === undefined && !text.includes('${')) return undefined
    const path = [...above, ...below]
    for (const fault of faultsOf(text, rule, scope)) {
      faults.push({ ...fault, path, message: `${pathText(path)}: ${fault.message}` })
    }
    return undefined
  })
  return faults
}

/**
 * A copy of `value` with its templates evaluated; bare expressions stay as they are. `value` passed `checkTemplates`.
 * Throws `secret_missing`, or `expression_type` for what only shows at run time.
 */
export function resolveTemplates<T>(value: T, schema: JsonSchema, variables: Variables): T {
  const open = openScope(variables)
  const resolved = mapStrings(value, schema, (text, rule) => {
    if (!rule.template || rule.expression || !text.includes('${')) return text
    return tryTemplate(text, open).template.evaluate(variables)
  })
  return resolved as T
}

/** What the expressions in `value` read, sorted: `cursor`, `params.symbol`, `secrets.TOKEN`. */
export function referencesIn(value: unknown, schema: JsonSchema, scope: Scope): readonly string[] {
  const references = new Set<string>()
  mapStrings(value, schema, (text, rule) => {
    for (const each of referencesOf(text, rule, scope)) references.add(each)
    return undefined
  })
  return [...references].toSorted()
}

function faultsOf(text: string, rule: TextRule, scope: Scope): readonly Fault[] {
  if (rule.expression) {
    const compiled = tryCompile(text, scope)
    return 'code' in compiled ? [compiled] : secretFaults(compiled.references, rule, 0)
  }
  const takesTemplate = rule.template || rule.perMessage
  if (!takesTemplate && !hasExpression(text)) return []
  const { template, faults } = tryTemplate(text, scope)
  if (!takesTemplate && !isOfElement(text, template, scope)) {
    return [notAllowed('no ${…} may stand here', text.indexOf('${'))]
  }
  const literal = faults.length > 0 ? [] : literalFaults(text, template, rule)
  return [...faults, ...secretFaults(template.references, rule, text.indexOf('secrets')), ...literal]
}

/** The text is not repeated: it may be the secret. */
function literalFaults(text: string, { references }: Template, { secretOnly }: TextRule): readonly Fault[] {
  if (secretOnly?.test(text) !== true || references.some((each) => each.startsWith('secrets.'))) return []
  return [{ code: 'secret_literal', message: 'a secret belongs here, and none is named', offset: 0 }]
}

/** What an element alone decides may stand anywhere: it is text by the time the text is looked at. */
function isOfElement(text: string, { references }: Template, scope: Scope): boolean {
  const reads = elementVariable in scope && readsElement(text, false)
  return reads && references.every((each) => each.startsWith(`${elementVariable}.`))
}

function secretFaults(references: readonly string[], rule: TextRule, offset: number): readonly Fault[] {
  const secret = rule.secret ? undefined : references.find((each) => each.startsWith('secrets.'))
  return secret === undefined ? [] : [notAllowed(`no secret may stand here, and ${secret} is one`, offset)]
}

function notAllowed(message: string, offset: number): Fault {
  return { code: 'expression_not_allowed', message, offset }
}

function referencesOf(text: string, rule: TextRule, scope: Scope): readonly string[] {
  if (!rule.expression) return rule.template && text.includes('${') ? tryTemplate(text, scope).template.references : []
  const compiled = tryCompile(text, scope)
  return 'code' in compiled ? [] : compiled.references
}

/** Evaluation takes the types from the values: any field of these variables will do. */
function openScope(variables: Variables): Scope {
  const names = Object.keys(variables).filter((name) => name !== 'secrets')
  return Object.fromEntries(names.map((name) => [name, 'dyn' as const]))
}
