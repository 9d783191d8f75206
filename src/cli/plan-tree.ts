import type { Problem } from '../manifest/manifest.ts'
import type { Plan } from '../reconcile/plan.ts'
import type { Api } from '../service/api.ts'
import { type ReachOptions, withHermes } from './reach.ts'

/** Has a service plan the manifests of a directory here. What is wrong in them is told once, whoever noticed it. */
export async function planTree(service: Api, dir: string, options: ReachOptions): Promise<Plan> {
  const { tree, problems } = await withHermes({ ...options, readOnly: true }, (hermes) => hermes.readTree(dir))
  const plan = await service.plan(tree)
  const told = new Set(plan.problems.map(placeAndCode))
  return { ...plan, problems: [...problems.filter((each) => !told.has(placeAndCode(each))), ...plan.problems] }
}

function placeAndCode({ at, code }: Problem): string {
  return JSON.stringify([at.file, at.line, at.column, code])
}
