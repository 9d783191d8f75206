/**
 * Plain data as YAML in block style, ending in a line break; undefined fields are left out. Ten thousand statuses come at
 * once, and the YAML library takes ten times as long over them. Data without cycles, maps, dates and big integers.
 */
export function yamlText(value: Readonly<Record<string, unknown>>): string {
  return fieldsText(value, '')
}

function fieldsText(value: object, indent: string): string {
  let text = ''
  for (const [name, each] of Object.entries(value)) {
    if (each !== undefined) text += `${indent}${scalarText(name)}:${valueText(each, indent)}`
  }
  return text
}

/** What follows a colon or a dash. */
function valueText(value: unknown, indent: string): string {
  if (typeof value !== 'object' || value === null) return ` ${scalarText(value)}\n`
  const below = `${indent}  `
  if (!Array.isArray(value)) return isEmpty(value) ? ' {}\n' : `\n${fieldsText(value, below)}`
  if (value.length === 0) return ' []\n'
  return `\n${value.map((each) => itemText(each, below)).join('')}`
}

/** An item that has fields begins with the first of them, on the line of its dash. */
function itemText(value: unknown, indent: string): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isEmpty(value)) {
    return `${indent}-${valueText(value ?? null, indent)}`
  }
  return `${indent}- ${fieldsText(value, `${indent}  `).slice(indent.length + 2)}`
}

function isEmpty(value: object): boolean {
  return Object.values(value).every((each) => each === undefined)
}

/**
 * Words that every YAML reader takes for text, readers of YAML 1.1 included, some of whom see a number in `e5`. Anything
 * else is written as JSON, which is YAML.
 */
const plain = /^(?!(?:true|false|null|yes|no|on|off|y|n|e-?\d+)$)[a-z][\w./-]*(?: [\w./-]+)*$/i

function scalarText(value: unknown): string {
  return typeof value === 'string' && plain.test(value) ? value : JSON.stringify(value)
}
