import type { Location } from '../errors.ts'
import { elementBinder } from './element-binding.ts'
import { describeElement, type Element, type List } from './list.ts'
import type { Problem } from './manifest.ts'
import { problem } from './problem.ts'
import { elementType, elementVariable } from './scope.ts'

/** What the resources of a list are called: by a template, else the definition's name and an element's first field. */
export interface Naming {
  readonly kind: string
  readonly definition: string
  readonly template: string | undefined
}

/** A name for each element, all of them different; else what is wrong, at the element's place. */
export function namesOf(list: List, naming: Naming): readonly string[] | { readonly problems: readonly Problem[] } {
  const nameOf = nameMaker(naming, list)
  const owners = new Map<string, Element>()
  const problems: Problem[] = []
  const names = list.elements.map((element, index) => {
    const name = nameOf(element)
    const other = owners.get(name)
    if (name === '') problems.push(nameless(element, list.locate(index)))
    else if (other === undefined) owners.set(name, element)
    else problems.push(taken(`${naming.kind}/${name}`, [other, element], list.locate(index)))
    return name
  })
  return problems.length > 0 ? { problems } : names
}

/** Text as a name: `BRK.B/US` becomes `brk.b-us`, `Zürich` `zurich`. */
export function kebab(text: string): string {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
  return plain.replace(/[^a-z0-9.]+/g, '-').replace(/^[-.]+|[-.]+$/g, '')
}

/** The name of an element; empty when nothing is left that a name may have. */
function nameMaker({ definition, template }: Naming, { fields }: List): (element: Element) => string {
  if (template === undefined) {
    return (element) => {
      const key = kebab(Object.values(element)[0] ?? '')
      return key === '' ? '' : `${definition}-${key}`
    }
  }
  const bind = elementBinder({}, { [elementVariable]: elementType(fields) })
  return (element) => {
    const bound = bind(template, element)
    return 'value' in bound ? kebab(String(bound.value)) : ''
  }
}

function nameless(element: Element, at: Location): Problem {
  const message = `no name can be made of ${describeElement(element) || 'an empty value'}`
  return problem('list_invalid', message, at, { fix: 'Give spec.forEach.name, with a field that makes one.' })
}

function taken(key: string, elements: readonly Element[], at: Location): Problem {
  const message = `${elements.map(describeElement).join(' and ')} are both called ${key}`
  const fix = 'Remove one of them, or tell them apart in spec.forEach.name.'
  return problem('duplicate_name', message, at, { fix })
}
