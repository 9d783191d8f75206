import { parseArgs } from 'node:util'
import { withHome } from '../store/homes.ts'
import { type DeadSinkFigures, deadSink } from './dead-sink.ts'
import { type GitFigures, gitRounds } from './git-rounds.ts'
import { type KillFigures, killRounds, type Phase } from './kill-rounds.ts'
import { propertyRounds } from './property-rounds.ts'
import { workflowRounds } from './workflow-rounds.ts'

const { values } = parseArgs({
  options: {
    sqlite: { type: 'string', default: '200' },
    postgres: { type: 'string', default: '50' },
    /**
     * For each phase with kills on each database, instead of a number of rounds, and for each of dead-sink instead of
     * two; 0 rounds leave a database out.
     */
    minutes: { type: 'string' },
    seed: { type: 'string', default: '1' },
    phase: {
      type: 'string',
      default: 'fetch,reconcile,removal,git,workflow,workflow-file,redis,changes,dead-sink,dead-sink-full,property',
    },
  },
})

type Dialect = 'sqlite' | 'postgres'

type KillPhase = Phase | 'git' | 'workflow' | 'workflow-file' | 'redis' | 'changes'

type OutagePhase = 'dead-sink' | 'dead-sink-full'

const phases = values.phase.split(',') as (KillPhase | OutagePhase | 'property')[]
const seed = Number(values.seed)
const kills: string[] = []
const histories: string[] = []
const outages: string[] = []
for (const dialect of ['sqlite', 'postgres'] as const) {
  const rounds = Number(values[dialect])
  for (const phase of rounds > 0 ? phases : []) {
    if (phase === 'property') {
      const onHistory = progressOf(dialect, phase, rounds)
      const figures = await propertyRounds({ dialect, histories: rounds, seed, onHistory })
      histories.push(`| ${dialect} | ${figures.histories} | ${figures.seconds.toFixed(0)} |`)
    } else if (phase === 'dead-sink' || phase === 'dead-sink-full') {
      const buffer = phase === 'dead-sink' ? 'roomy' : 'full'
      const minutes = Number(values.minutes ?? 2)
      outages.push(
        outageLine(dialect, phase, await withHome(dialect, (home) => deadSink({ home, minutes, seed, buffer }))),
      )
    } else kills.push(line(dialect, phase, await killed(dialect, phase, rounds)))
  }
}
if (kills.length > 0) {
  console.log('\n| database | killed during | rounds | before it was settled | rows compared at the end | seconds |')
  console.log(['|---|---|---|---|---|---|', ...kills].join('\n'))
}
if (histories.length > 0) {
  console.log(['\n| database | random histories | seconds |', '|---|---|---|', ...histories].join('\n'))
}
if (outages.length > 0) {
  const columns = [
    'database',
    'phase',
    'minutes away',
    'messages',
    'meanwhile to the other sink',
    'RSS MB, middle and last third',
  ]
  const head = `| ${[...columns, 'handles, first and most', 'buffer MB', 'seconds to catch up'].join(' | ')} |`
  console.log(['', head, '|---|---|---|---|---|---|---|---|---|', ...outages].join('\n'))
}

function killed(dialect: Dialect, phase: KillPhase, count: number): Promise<KillFigures | GitFigures> {
  const { minutes } = values
  const rounds = minutes === undefined ? count : Number.POSITIVE_INFINITY
  const until = minutes === undefined ? Number.POSITIVE_INFINITY : Date.now() + Number(minutes) * 60_000
  const options = { rounds, until, seed, onRound: progressOf(dialect, phase, rounds) }
  return withHome(dialect, (home) => {
    switch (phase) {
      case 'git':
        return withHome(dialect, (fresh) => gitRounds({ ...options, home, fresh }))
      case 'workflow':
        return workflowRounds({ ...options, home, buffer: 'memory' })
      case 'workflow-file':
        return workflowRounds({ ...options, home, buffer: 'file' })
      case 'redis':
      case 'changes':
        return workflowRounds({ ...options, home, buffer: 'memory', feed: phase })
      default:
        return killRounds({ ...options, home, phase })
    }
  })
}

/** Every round on a terminal, now and then a line elsewhere. */
function progressOf(dialect: Dialect, phase: string, rounds: number): (round: number) => void {
  const all = Number.isFinite(rounds) ? ` of ${rounds}` : ''
  return (round) => {
    const text = `${dialect} ${phase}: ${round}${all}`
    if (process.stdout.isTTY) process.stdout.write(`\r${text}${round === rounds ? '\n' : ''}`)
    else if (round % 25 === 0 || round === rounds) console.log(text)
  }
}

function line(dialect: Dialect, phase: string, figures: KillFigures | GitFigures): string {
  const { rounds, interrupted, rows, seconds } = figures
  const during = 'acts' in figures ? `${phase} (${figures.acts} acts)` : phase
  return `| ${dialect} | ${during} | ${rounds} | ${interrupted} | ${rows} | ${seconds.toFixed(0)} |`
}

function outageLine(dialect: Dialect, phase: OutagePhase, figures: DeadSinkFigures): string {
  const { minutes, messages, meanwhile, rssMb, handles, bufferMb, catchUpSeconds } = figures
  const rss = rssMb.map((each) => each.toFixed(0)).join(', ')
  const counts = [dialect, phase, minutes, messages, meanwhile, rss, handles.join(', ')]
  return `| ${[...counts, bufferMb.toFixed(1), catchUpSeconds.toFixed(1)].join(' | ')} |`
}
