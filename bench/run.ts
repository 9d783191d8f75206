// `npm run bench [name…]` measures and prints; with --write the figures go to docs/benchmarks.md, with --short the benches
// that can do with less do.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './child.ts'
import { postgresDestination, sqliteDestination } from './destinations.ts'
import { evaluate } from './evaluate.ts'
import { fetchBench } from './fetch.ts'
import { fileBufferBench } from './file-buffer.ts'
import { git } from './git.ts'
import { idle } from './idle.ts'
import { idleWorkflows } from './idle-workflows.ts'
import { machine } from './machine.ts'
import { manifests } from './manifests.ts'
import type { Figure } from './measure.ts'
import { memoryBufferBench } from './memory-buffer.ts'
import { figureLine, report } from './report.ts'
import type { BenchOptions } from './run-options.ts'
import { streamTable } from './stream-table.ts'
import { websocketRedis } from './websocket-redis.ts'
import { workflowBench } from './workflow.ts'

const benches: Readonly<Record<string, (options: BenchOptions) => Promise<Figure[]>>> = {
  manifests,
  'fetch-sqlite': () => fetchBench(sqliteDestination),
  'fetch-postgres': () => fetchBench(postgresDestination),
  'evaluate-sqlite': () => evaluate('sqlite'),
  'evaluate-postgres': () => evaluate('postgres'),
  idle,
  git,
  'file-buffer': fileBufferBench,
  'memory-buffer': memoryBufferBench,
  workflow: workflowBench,
  'websocket-redis': websocketRedis,
  'stream-table': streamTable,
  'idle-workflows': idleWorkflows,
}

const options = process.argv.slice(2)
const names = options.filter((option) => !option.startsWith('--'))
const unknown = names.filter((name) => !(name in benches))
if (unknown.length > 0) throw new Error(`no bench ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}`)

const figures: Figure[] = []
for (const [name, bench] of Object.entries(benches)) {
  if (names.length > 0 && !names.includes(name)) continue
  console.log(name)
  for (const figure of await bench({ short: options.includes('--short') })) {
    console.log(figureLine(figure))
    figures.push(figure)
  }
}
if (options.includes('--write')) {
  const command = ['npm run bench', ...names].join(' ')
  writeFileSync(join(root, 'docs/benchmarks.md'), report(figures, command, await machine()))
}
process.exitCode = figures.every(({ met }) => met) ? 0 : 1
