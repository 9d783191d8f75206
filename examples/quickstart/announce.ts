import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { relative } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../../src/config.ts'
import type { StatusReport } from '../../src/observe/status.ts'

/** What to look at, printed before the service starts. */
export function banner(config: Config, api: string): string {
  const database = config.database.startsWith('sqlite:')
    ? relative('', config.database.slice('sqlite:'.length))
    : 'PostgreSQL'
  return [
    '',
    '  Hermes follows the manifests in examples/quickstart/manifests.',
    `  They fetch from a small API on ${api} and from files, into ${database}.`,
    '',
    '  Now, in another terminal in this directory:',
    '    npx hermes-status                  what is ready, how many rows, when it runs again',
    '    npx hermes get source/stocks-aapl  one source: its manifest, its state, its first rows',
    '',
    '  The README goes on from here. Ctrl-C stops; the next start goes on where this one was.',
    '',
  ].join('\n')
}

async function readStatus(socketPath: string): Promise<StatusReport> {
  const asked = request({ socketPath, path: '/api/v1/status' }).end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  const answer = await text(response)
  if (response.statusCode !== 200) throw new Error(answer)
  return JSON.parse(answer) as StatusReport
}

function summary(report: StatusReport, seconds: number): string {
  const sources = report.resources.filter((each) => each.kind === 'SourceDefinition')
  const tables = new Set(sources.map((each) => each.table))
  const rows = sources.reduce((sum, each) => sum + (each.rows ?? 0), 0)
  const ready = sources.filter((each) => each.state === 'ready').length
  return `  ${ready} of ${sources.length} sources ready: ${rows} rows in ${tables.size} tables after ${seconds.toFixed(1)} s.\n`
}

function settled(report: StatusReport): boolean {
  const sources = report.resources.filter((each) => each.kind === 'SourceDefinition')
  return sources.length > 0 && sources.every((each) => each.state === 'ready' && (each.rows ?? 0) > 0)
}

/** Says once that every source is ready with rows, or after half a minute what is. Never keeps the process alive. */
export async function announce(socketPath: string): Promise<void> {
  const started = performance.now()
  for (;;) {
    await delay(150, undefined, { ref: false })
    const seconds = (performance.now() - started) / 1000
    const report = await readStatus(socketPath).catch(() => undefined)
    if (report !== undefined && (settled(report) || seconds > 30)) {
      console.log(summary(report, seconds))
      return
    }
    if (seconds > 60) return
  }
}
