import type { Location } from '../errors.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { Step } from './controller.ts'
import { yieldNow } from './pace.ts'
import type { ResourcePlan } from './plan.ts'
import { fieldOf } from './reason.ts'
import type { Target } from './target.ts'

/** The plans with the place of the field that brings each step about. Finding one parses its manifest again. */
export async function placed(plans: readonly ResourcePlan[], target: Target): Promise<readonly ResourcePlan[]> {
  const done: ResourcePlan[] = []
  for (const plan of plans) {
    const desired = target.wanted.get(plan.key)?.desired
    if (desired === undefined || !plan.steps.some((step) => fieldOf(step.reason) !== undefined)) {
      done.push(plan)
      continue
    }
    const placeOf = placesIn(desired)
    done.push({ ...plan, steps: plan.steps.map((step) => withPlace(step, placeOf)) })
    await yieldNow()
  }
  return done
}

function withPlace(step: Step, placeOf: (field: string) => Location): Step {
  const field = fieldOf(step.reason)
  return field === undefined ? step : { ...step, at: placeOf(field) }
}

/** Steps of one resource often have one field in common. */
function placesIn(manifest: Manifest): (field: string) => Location {
  const known = new Map<string, Location>()
  return (field) => {
    const at = known.get(field) ?? manifest.locate(field)
    known.set(field, at)
    return at
  }
}
