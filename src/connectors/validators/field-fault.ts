/** The way to a field from the top of its message. */
export type FieldPath = readonly (string | number)[]

/** A message that is not as its schema says: the field, and the rule that it breaks. */
export class FieldFault extends Error {
  readonly rule: string
  readonly path: FieldPath

  constructor(rule: string, path: FieldPath = []) {
    super(path.length === 0 ? `the message ${rule}` : `${fieldText(path)} ${rule}`)
    this.name = 'FieldFault'
    this.rule = rule
    this.path = path
  }
}

/** What was thrown below a field, with the field in its path; anything but a fault stays as it is. */
export function inField(error: unknown, field: string | number): unknown {
  return error instanceof FieldFault ? new FieldFault(error.rule, [field, ...error.path]) : error
}

/** `events[2].price`; names with other characters as `["a b"]`. */
export function fieldText(path: FieldPath): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`
      if (!/^[A-Za-z_$][\w$-]*$/.test(part)) return `[${JSON.stringify(part)}]`
      return index === 0 ? part : `.${part}`
    })
    .join('')
}

/** A value as a reason shows it: JSON, shortened to 60 characters. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`
}
