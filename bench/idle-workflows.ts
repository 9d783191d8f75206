import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { rss } from './child.ts'
import { exactCpuMs, type Service, serve } from './hermes.ts'
import { atMost, type Figure, megabytes, milliseconds, quantile } from './measure.ts'
import type { BenchOptions } from './run-options.ts'
import { workspace } from './workspace.ts'

const WORKFLOWS = 1_000
const CHANGES = 20

/** Where workflows have their manifests, what they read and what they write. */
class Flows {
  readonly manifests: string
  readonly #in: string
  readonly #out: string

  constructor(folder: string) {
    const made = (name: string): string => {
      mkdirSync(join(folder, name))
      return join(folder, name)
    }
    this.manifests = made('manifests')
    this.#in = made('in')
    this.#out = made('out')
    for (let index = 0; index < WORKFLOWS; index += 1) {
      writeFileSync(this.#input(index), '')
      this.declare(index, 0)
    }
  }

  /** Every tenth waits for webhooks; the others follow a file that nobody writes to. */
  declare(index: number, version: number): void {
    const source = index % 10 === 0 ? 'webhook: {}' : `file: { path: ${this.#input(index)} }`
    const text = `apiVersion: hermes/v1
kind: Workflow
metadata: { name: ${nameOf(index)} }
spec:
  source: { ${source} }
  steps:
    - filter: message.price > 10
    - set: { version: "${version}" }
  sinks: [{ file: { path: ${this.#output(index)} } }]
`
    writeFileSync(join(this.manifests, `${nameOf(index)}.yaml`), text)
  }

  /** Milliseconds from the end of writing a manifest until a message comes out that its new step was applied to. */
  async change(index: number, version: number): Promise<number> {
    this.declare(index, version)
    const written = performance.now()
    for (;;) {
      appendFileSync(this.#input(index), '{"price":12.5}\n')
      await delay(2)
      if (this.#hasCome(index, version)) return performance.now() - written
      if (performance.now() - written > 30_000) throw new Error(`${nameOf(index)} was not changed in 30 s`)
    }
  }

  #hasCome(index: number, version: number): boolean {
    try {
      return readFileSync(this.#output(index), 'utf8').includes(`"version":${version}}`)
    } catch {
      // The first message makes the file.
      return false
    }
  }

  #input = (index: number): string => join(this.#in, `${nameOf(index)}.jsonl`)
  #output = (index: number): string => join(this.#out, `${nameOf(index)}.jsonl`)
}

const nameOf = (index: number): string => `flow-${String(index).padStart(4, '0')}`

interface Report {
  readonly resources: readonly { readonly flow?: { readonly phase: string } }[]
}

async function untilRunning(service: Service): Promise<void> {
  for (const began = performance.now(); ; await delay(200)) {
    const { resources } = await service.get<Report>('/api/v1/status')
    const running = resources.filter(({ flow }) => flow?.phase === 'running').length
    if (running === WORKFLOWS) return
    if (performance.now() - began > 120_000) throw new Error(`${running} workflows of ${WORKFLOWS} run`)
  }
}

/** A service with a thousand workflows that nothing comes to, and how soon one of them is changed. */
export async function idleWorkflows({ short }: BenchOptions): Promise<Figure[]> {
  using folder = workspace()
  const flows = new Flows(folder.path)
  await using service = await serve({ manifests: flows.manifests, dataDir: join(folder.path, 'data') })
  await untilRunning(service)
  // A burst of work was seen up to 40 s after the start, which is not what rest costs.
  await delay(short ? 10_000 : 60_000)
  const [before, began] = [exactCpuMs(service.pid), performance.now()]
  await delay(short ? 10_000 : 30_000)
  const share = (exactCpuMs(service.pid) - before) / (performance.now() - began)
  const memory = rss(service.pid)
  const times: number[] = []
  for (let round = 1; round <= CHANGES; round += 1) {
    times.push(await flows.change(round * 40 + 1, round))
    await delay(500)
  }
  return [
    atMost('1,000 idle workflows, RSS', memory, 300e6, megabytes),
    atMost('1,000 idle workflows, CPU', share * 100, 3, (value) => `${value.toFixed(2)} %`),
    atMost(
      `one of them changed, manifest → first message of its new step, p95 of ${CHANGES}`,
      quantile(times, 0.95),
      100,
      milliseconds,
    ),
    atMost('the same, median', quantile(times, 0.5), 100, milliseconds),
  ]
}
