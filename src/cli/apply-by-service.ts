import { keyOf } from '../manifest/manifest.ts'
import { requirePlan } from '../reconcile/plan-hash.ts'
import type { Api, ApplyReport } from '../service/api.ts'

/** Has a running service reconcile now, by this `plan` alone when given; what it fetches is its scheduler's business. */
export async function applyByService(api: Api, plan?: string): Promise<ApplyReport> {
  const before = await api.plan()
  if (plan !== undefined) requirePlan(before, plan)
  await api.reconcile(undefined, plan)
  const [after, report] = await Promise.all([api.plan(), api.status()])
  const open = new Map(after.resources.map((each) => [each.key, each]))
  const failing = report.resources.filter(({ state }) => state === 'retrying' || state === 'stalled')
  return {
    revision: after.revision,
    applied: before.resources
      .filter(({ key }) => !open.has(key))
      .map(({ key, action, steps }) => ({ key, action, steps: steps.length })),
    unchanged: before.summary.unchanged,
    blocked: after.resources.flatMap(({ key, blocked }) =>
      blocked === undefined ? [] : [{ key, approval: blocked.approval, message: blocked.message }],
    ),
    waiting: after.resources.flatMap(({ key, waitsFor, opensAt }) => [
      ...(waitsFor === undefined ? [] : [{ key, on: waitsFor }]),
      ...(waitsFor === undefined && opensAt !== undefined ? [{ key, opensAt }] : []),
    ]),
    failed: failing
      .filter((status) => open.has(keyOf(status)))
      .map((status) => ({ key: keyOf(status), code: status.reason, message: status.message, fix: '' })),
    runs: [],
    problems: after.problems,
  }
}
