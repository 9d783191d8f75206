import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { StatusReport } from './api.ts'
import { openWorkflowMetrics, type WorkflowFigures } from './workflow-metrics.ts'

export interface MetricsOptions {
  /** Asked at a scrape, at most every few seconds. */
  readonly status: () => Promise<StatusReport>
  /** Sources that are due and wait for a worker. */
  readonly queueDepth: () => number
  /** What workflows did; none where absent. */
  readonly workflows?: () => readonly WorkflowFigures[]
}

/** What the parts of Hermes tell, and what Prometheus reads. Labels are bounded. */
export interface Metrics {
  /** A run ended. */
  run(run: { source: string; result: 'succeeded' | 'failed' | 'cancelled'; rows: number; seconds: number }): void
  /** A lap over all resources ended. */
  lap(seconds: number): void
  /** A request was answered; `route` is the pattern, not the path. */
  request(request: { method: string; route: string; status: number; seconds: number }): void
  /** The text that Prometheus reads, and its content type. */
  scrape(): Promise<{ text: string; contentType: string }>
}

/** Sources with a series of their own; the rows of all others count under `other`. */
const NAMED_SOURCES = 1_000
const STATUS_AGE_MS = 5_000

export function openMetrics(options: MetricsOptions): Metrics {
  const registers = [new Registry()]
  const register = registers[0] as Registry
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: 100 })
  const meters = openMeters(registers, options)
  const named = new Set<string>()
  const labelOf = (source: string) => {
    if (named.has(source)) return source
    if (named.size >= NAMED_SOURCES) return 'other'
    named.add(source)
    return source
  }
  const forget = (report: StatusReport) => {
    const present = new Set(report.resources.map(({ name }) => name))
    for (const source of named) {
      if (present.has(source)) continue
      named.delete(source)
      meters.rows.remove({ source })
    }
  }
  openWorkflowMetrics(registers, options.workflows ?? (() => []))
  const status = resourceGauge(registers, options, forget)
  return {
    run: ({ source, result, rows, seconds }) => {
      meters.runs.inc({ result })
      meters.runSeconds.observe({ result }, seconds)
      if (rows > 0) meters.rows.inc({ source: labelOf(source) }, rows)
    },
    lap: (seconds) => meters.lapSeconds.observe(seconds),
    request: ({ method, route, status: code, seconds }) => {
      meters.requests.inc({ method, route, status: String(code) })
      meters.requestSeconds.observe({ route }, seconds)
    },
    scrape: async () => {
      await status.refresh()
      return { text: await register.metrics(), contentType: register.contentType }
    },
  }
}

function openMeters(registers: Registry[], options: MetricsOptions) {
  const queue: Gauge = new Gauge({
    name: 'hermes_queue_depth',
    help: 'Sources that are due and wait for a worker.',
    registers,
    collect: () => queue.set(options.queueDepth()),
  })
  return {
    runs: new Counter({ name: 'hermes_runs_total', help: 'Runs by result.', labelNames: ['result'], registers }),
    rows: new Counter({
      name: 'hermes_rows_total',
      help: 'Rows written by source.',
      labelNames: ['source'],
      registers,
    }),
    runSeconds: new Histogram({
      name: 'hermes_run_duration_seconds',
      help: 'How long runs took.',
      labelNames: ['result'],
      registers,
      buckets: [0.05, 0.25, 1, 5, 15, 60, 300, 1800],
    }),
    lapSeconds: new Histogram({
      name: 'hermes_lap_duration_seconds',
      help: 'How long laps over all resources took.',
      registers,
      buckets: [0.005, 0.025, 0.1, 0.25, 1, 5, 15, 60],
    }),
    requests: new Counter({
      name: 'hermes_http_requests_total',
      help: 'Requests to the service.',
      registers,
      labelNames: ['method', 'route', 'status'],
    }),
    requestSeconds: new Histogram({
      name: 'hermes_http_request_duration_seconds',
      help: 'How long answers took.',
      labelNames: ['route'],
      registers,
      buckets: [0.002, 0.01, 0.05, 0.25, 1, 5, 30],
    }),
  }
}

/** Counts resources by kind and state; the count of the last good report stays when a new one cannot be had. */
function resourceGauge(registers: Registry[], options: MetricsOptions, onReport: (report: StatusReport) => void) {
  const labelNames = ['kind', 'state']
  const gauge = new Gauge({ name: 'hermes_resources', help: 'Resources by kind and state.', labelNames, registers })
  const problems = new Gauge({ name: 'hermes_manifest_problems', help: 'Problems in the manifests.', registers })
  let readAt = Number.NEGATIVE_INFINITY
  return {
    refresh: async () => {
      if (performance.now() - readAt < STATUS_AGE_MS) return
      const report = await options.status().catch(() => undefined)
      if (report === undefined) return
      readAt = performance.now()
      gauge.reset()
      for (const { kind, state } of report.resources) gauge.inc({ kind, state })
      problems.set(report.problems.length)
      onReport(report)
    },
  }
}
