import { countedPattern } from '../../reconcile/name-list.ts'
import { shortRevision } from '../../reconcile/revision.ts'
import type { Trace, TracedSource } from '../../service/api.ts'
import { formatCount, relativeTime } from '../display.ts'
import type { Output } from '../environment.ts'
import { type Alike, foldAlike } from '../fold-alike.ts'
import { outputOption, print } from '../print.ts'
import { withApi } from '../reach.ts'
import { stateStyle } from '../state-style.ts'
import { formatTable, type TableColumn } from '../table.ts'
import type { Verb } from '../verb.ts'

/** `hermes trace TABLE`: whose rows are in a table, where that is declared, and who committed it. */
export const trace: Verb = {
  define: (command) => command.argument('<table>', 'name of a table').addOption(outputOption()),
  examples: [
    ['hermes trace prices_daily', 'its sources, their places, revisions and commits'],
    ['hermes trace prices_daily -o json', 'for a program'],
  ],
  run: async ({ args: [table = ''], environment, options, config }) => {
    const { stdout } = environment
    const found = await withApi({ config: config(), environment, readOnly: true }, ({ api }) => api.trace(table))
    await print(stdout, options.output, found, () => traceText(found, Date.now(), stdout))
  },
}

const always: readonly TableColumn[] = [
  { title: 'SOURCE', shrinks: true },
  { title: 'STATE' },
  { title: 'ROWS', align: 'right' },
  { title: 'LAST RUN' },
  { title: 'DECLARED IN', shrinks: true },
  { title: 'REVISION', shrinks: true },
]
const ofCommits: readonly TableColumn[] = [
  { title: 'AUTHOR', shrinks: true },
  { title: 'DATE' },
  { title: 'SUBJECT', shrinks: true },
]

/** The columns of commits are there when there is one; many sources of one document are one line. */
export function traceText({ sources }: Trace, now: number, output: Output): string {
  const withCommits = sources.some(({ commit }) => commit !== undefined)
  return formatTable(
    [...always, ...(withCommits ? ofCommits : [])],
    foldAlike(sources, ofOneDocument).map((alike) => rowOf(alike, now, output)),
    output,
  )
}

/** Sources of one document that are in one state since one revision. */
function ofOneDocument({ state, at, revision }: TracedSource): string {
  return JSON.stringify([state, at.file, at.line, at.column, revision])
}

/** Many sources have their rows together, and the time of the one that was fetched longest ago. */
function rowOf(alike: Alike<TracedSource>, now: number, output: Output) {
  const [{ name, state, at, revision, commit }] = alike
  const rows = alike.flatMap((source) => source.rows ?? [])
  const [lastRunAt] = alike.flatMap((source) => source.lastRunAt ?? []).toSorted()
  const total = rows.reduce((sum, each) => sum + each, 0)
  return [
    alike.length === 1 ? name : countedPattern(alike.map((source) => source.name)),
    { text: state, style: stateStyle[state] },
    rows.length === 0 ? undefined : formatCount(total, output.isTerminal),
    relativeTime(lastRunAt, now),
    `${at.file}:${at.line}`,
    shortRevision(revision),
    commit?.author,
    commit?.date.slice(0, 10),
    commit?.subject,
  ]
}
