import type { Clock } from '../clock.ts'
import { toHermesError } from '../errors.ts'
import type { Check } from './api.ts'

export interface CheckResult {
  readonly name: string
  readonly ok: boolean
  readonly duration_ms: number
  readonly message?: string
}

export interface Readiness {
  readonly version: string
  /** `unavailable` when a check that gates fails, `degraded` when another does. */
  readonly status: 'ok' | 'degraded' | 'unavailable'
  readonly time: string
  readonly checks: readonly CheckResult[]
}

const CHECK_TIMEOUT_MS = 3_000

/** Runs all checks side by side; each has its own bound, so that the answer comes in time whatever hangs. */
export async function readiness(checks: readonly Check[], version: string, clock: Clock): Promise<Readiness> {
  const results = await Promise.all(checks.map((check) => runCheck(check, clock)))
  const failed = (gates: boolean) =>
    checks.some((check, index) => check.gates === gates && results[index]?.ok === false)
  return {
    version,
    status: failed(true) ? 'unavailable' : failed(false) ? 'degraded' : 'ok',
    time: new Date(clock.now()).toISOString(),
    checks: results,
  }
}

async function runCheck(check: Check, clock: Clock): Promise<CheckResult> {
  const started = performance.now()
  const result = (ok: boolean, message: string | void): CheckResult => {
    const duration = Math.round((performance.now() - started) * 10) / 10
    return { name: check.name, ok, duration_ms: duration, ...(typeof message === 'string' ? { message } : {}) }
  }
  const done = new AbortController()
  const late = clock.sleep(CHECK_TIMEOUT_MS, done.signal).then(
    () => result(false, `no answer within ${CHECK_TIMEOUT_MS} ms`),
    () => result(false, 'not run'),
  )
  const signal = AbortSignal.any([done.signal, AbortSignal.timeout(CHECK_TIMEOUT_MS)])
  const checked = check.run(signal).then(
    (message) => result(true, message),
    (error: unknown) => result(false, toHermesError(error).message),
  )
  const first = await Promise.race([checked, late])
  done.abort()
  return first
}
