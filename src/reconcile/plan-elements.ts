import type { Location } from '../errors.ts'
import type { Generated, Key, Manifest } from '../manifest/manifest.ts'
import { placeOf } from '../place.ts'
import type { Step } from './controller.ts'
import type { ResourcePlan } from './plan.ts'
import { fieldOf } from './reason.ts'
import type { Entries } from './subject.ts'
import type { Target } from './target.ts'

/** A manifest with a list, and the resources that it makes. */
interface Definition {
  readonly at: Location
  /** The file that the list stands in. */
  readonly list: string
  readonly members: readonly Key[]
}

/**
 * The plans with the element of the list that each resource is made for. Where the list brings a step about and not the
 * manifest beside it, the step says so and has the element's place.
 */
export function withElements(
  plans: readonly ResourcePlan[],
  target: Target,
  entries: Entries,
): readonly ResourcePlan[] {
  const definitions = definitionsOf(target)
  if (definitions.size === 0) return plans
  const changed = countChanges(plans, target)
  return plans.map((plan) => {
    const generated = target.wanted.get(plan.key)?.desired?.generated
    const definition = generated === undefined ? formerOf(plan, definitions) : definitions.get(generated.by)
    if (definition === undefined) return plan
    const known = definition.members.filter((key) => entries.get(key)?.settled !== undefined)
    if (generated === undefined) return known.length === 0 ? plan : removed(plan, definition)
    const { element: value, at } = generated
    const isOfList = (field: string): boolean => (changed.get(`${generated.by} ${field}`) ?? 0) < known.length
    return {
      ...plan,
      element: { value, at },
      ...(known.length > 0 && plan.action === 'create'
        ? withReason(plan, added, `the element ${value} was added`)
        : {}),
      steps: stepsOf(plan, known.length > 0, { generated, isOfList }),
    }
  })
}

const added = 'the manifest was added'

interface Cause {
  readonly generated: Generated
  /** Whether a field changed in some of the resources only, which its text in the manifest cannot be the cause of. */
  readonly isOfList: (field: string) => boolean
}

function stepsOf({ steps }: ResourcePlan, isOld: boolean, { generated, isOfList }: Cause): readonly Step[] {
  const { element, at } = generated
  return steps.map((step) => {
    if (isOld && step.reason === added) return { ...step, reason: `the element ${element} was added`, at }
    const field = fieldOf(step.reason)
    return field !== undefined && isOfList(field) ? { ...step, at } : step
  })
}

function removed(plan: ResourcePlan, { list }: Definition): ResourcePlan {
  return { ...plan, ...withReason(plan, 'the manifest was removed', `its element was removed from ${list}`) }
}

function withReason({ reason, steps }: ResourcePlan, from: string, to: string): Pick<ResourcePlan, 'reason' | 'steps'> {
  const replaced = (text: string): string => (text === from ? to : text)
  return { reason: replaced(reason), steps: steps.map((step) => ({ ...step, reason: replaced(step.reason) })) }
}

function definitionsOf({ wanted }: Target): ReadonlyMap<Key, Definition> {
  const made = [...wanted.values()].flatMap(({ desired }) => (desired?.generated === undefined ? [] : [desired]))
  const groups = Map.groupBy(made, ({ generated }) => generated?.by ?? '')
  return new Map([...groups].flatMap(([by, members]) => (members[0] ? [[by, definitionOf(members[0], members)]] : [])))
}

function definitionOf({ at, generated }: Manifest, members: readonly Manifest[]): Definition {
  return { at, list: generated?.list ?? at.file, members: members.map(({ key }) => key) }
}

/** The definition that made what is to go: the one that still stands where that was declared. */
function formerOf({ action, at }: ResourcePlan, definitions: ReadonlyMap<Key, Definition>): Definition | undefined {
  if (action !== 'remove') return undefined
  return [...definitions.values()].find((each) => placeOf(each.at, true) === placeOf(at, true))
}

/** In how many resources of a definition a field changed, by `<definition> <field>`. */
function countChanges(plans: readonly ResourcePlan[], { wanted }: Target): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { key, action, steps } of plans) {
    const by = wanted.get(key)?.desired?.generated?.by
    if (by === undefined || action !== 'change') continue
    const fields = new Set(steps.flatMap(({ reason }) => fieldOf(reason) ?? []))
    for (const field of fields) counts.set(`${by} ${field}`, (counts.get(`${by} ${field}`) ?? 0) + 1)
  }
  return counts
}
