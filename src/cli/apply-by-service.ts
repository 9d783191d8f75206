import { keyOf } from '../manifest/manifest.ts'
import type { Api, ApplyReport } from '../service/api.ts'

/** Has a running service reconcile now; what it fetches is its scheduler's business. */
export async function applyByService(api: Api): Promise<ApplyReport> {
  const before = await api.plan()
  await api.reconcile()
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
    failed: failing
      .filter((status) => open.has(keyOf(status)))
      .map((status) => ({ key: keyOf(status), code: status.reason, message: status.message, fix: '' })),
    runs: [],
    problems: after.problems,
  }
}
