import { parseArgs } from 'node:util'
import { withHome } from '../store/homes.ts'
import { type KillFigures, killRounds, type Phase } from './kill-rounds.ts'
import { propertyRounds } from './property-rounds.ts'

const { values } = parseArgs({
  options: {
    sqlite: { type: 'string', default: '200' },
    postgres: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    phase: { type: 'string', default: 'fetch,reconcile,removal,property' },
  },
})

const phases = values.phase.split(',') as (Phase | 'property')[]
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
    } else {
      const onRound = progressOf(dialect, phase, rounds)
      const figures = await withHome(dialect, (home) => killRounds({ home, phase, rounds, seed, onRound }))
      kills.push(line(dialect, phase, figures))
    }
  }
}
if (kills.length > 0) {
  console.log('\n| database | killed during | rounds | before it was settled | rows compared at the end | seconds |')
  console.log(['|---|---|---|---|---|---|', ...kills].join('\n'))
}
if (histories.length > 0) {
  console.log(['\n| database | random histories | seconds |', '|---|---|---|', ...histories].join('\n'))
}

/** Every round on a terminal, now and then a line elsewhere. */
function progressOf(dialect: string, phase: string, rounds: number): (round: number) => void {
  return (round) => {
    const text = `${dialect} ${phase}: ${round} of ${rounds}`
    if (process.stdout.isTTY) process.stdout.write(`\r${text}${round === rounds ? '\n' : ''}`)
    else if (round % 25 === 0 || round === rounds) console.log(text)
  }
}

function line(dialect: string, phase: Phase, { rounds, interrupted, rows, seconds }: KillFigures): string {
  return `| ${dialect} | ${phase} | ${rounds} | ${interrupted} | ${rows} | ${seconds.toFixed(0)} |`
}
