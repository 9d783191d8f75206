import { parseArgs } from 'node:util'
import { withHome } from '../store/homes.ts'
import { type GitFigures, gitRounds } from './git-rounds.ts'
import { type KillFigures, killRounds, type Phase } from './kill-rounds.ts'
import { propertyRounds } from './property-rounds.ts'
import { workflowRounds } from './workflow-rounds.ts'

const { values } = parseArgs({
  options: {
    sqlite: { type: 'string', default: '200' },
    postgres: { type: 'string', default: '50' },
    /** For each phase with kills on each database, instead of a number of rounds; 0 rounds leave a database out. */
    minutes: { type: 'string' },
    seed: { type: 'string', default: '1' },
    phase: { type: 'string', default: 'fetch,reconcile,removal,git,workflow,workflow-file,property' },
  },
})

type Dialect = 'sqlite' | 'postgres'

type KillPhase = Phase | 'git' | 'workflow' | 'workflow-file'

const phases = values.phase.split(',') as (KillPhase | 'property')[]
const seed = Number(values.seed)
const kills: string[] = []
const histories: string[] = []
for (const dialect of ['sqlite', 'postgres'] as const) {
  const rounds = Number(values[dialect])
  for (const phase of rounds > 0 ? phases : []) {
    if (phase === 'property') {
      const onHistory = progressOf(dialect, phase, rounds)
      const figures = await propertyRounds({ dialect, histories: rounds, seed, onHistory })
      histories.push(`| ${dialect} | ${figures.histories} | ${figures.seconds.toFixed(0)} |`)
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
