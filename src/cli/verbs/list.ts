import type { ResourceStatus, StatusReport } from '../../service/api.ts'
import { counted, formatCount, relativeTime } from '../display.ts'
import type { Output } from '../environment.ts'
import { outputOption, print } from '../print.ts'
import { withApi } from '../reach.ts'
import { ofKind } from '../resource-name.ts'
import { stateStyle } from '../state-style.ts'
import { formatTable, type TableColumn } from '../table.ts'
import type { Verb } from '../verb.ts'

/** `hermes list [KIND]`: what there is, in which state, from which file. */
export const list: Verb = {
  define: (command) => command.argument('[kind]', 'Connection, SourceDefinition').addOption(outputOption()),
  examples: [
    ['hermes list', 'everything'],
    ['hermes list sources', 'sources only'],
    ['hermes list -o json', 'for a program'],
  ],
  run: async ({ args, environment, options, config }) => {
    const { stdout, stderr } = environment
    await withApi({ config: config(), environment, readOnly: true }, async ({ api }) => {
      const report = await api.status()
      const resources = ofKind(report.resources, args[0])
      await print(stdout, options.output, resources, () => listText(resources, report, stdout))
      const { length } = report.problems
      if (length > 0) stderr.write(`${counted(length, 'problem', true)} in the manifests: see \`hermes validate\`\n`)
    })
  },
}

const columns: readonly TableColumn[] = [
  { title: 'KIND' },
  { title: 'NAME', shrinks: true },
  { title: 'STATE' },
  { title: 'TABLE', shrinks: true },
  { title: 'ROWS', align: 'right' },
  { title: 'LAST RUN' },
  { title: 'DECLARED IN', shrinks: true },
]

function listText(resources: readonly ResourceStatus[], { time }: StatusReport, output: Output): string {
  if (resources.length === 0) return 'no resources\n'
  const rows = resources.map(({ kind, name, state, table, rows: count, lastRunAt, at }) => [
    kind,
    name,
    { text: state, style: stateStyle[state] },
    table,
    count === undefined ? undefined : formatCount(count, output.isTerminal),
    output.isTerminal ? relativeTime(lastRunAt, Date.parse(time)) : lastRunAt,
    `${at.file}:${at.line}`,
  ])
  return formatTable(columns, rows, output)
}
