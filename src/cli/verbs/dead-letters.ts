import { Argument, Option } from 'commander'
import { HermesError } from '../../errors.ts'
import type { DeadLetterApi, LetterSelection, LetterSummary, LetterView } from '../../service/dead-letter-api.ts'
import { counted, formatCount, printable, relativeTime } from '../display.ts'
import type { Output } from '../environment.ts'
import { outputOption, print } from '../print.ts'
import { withApi } from '../reach.ts'
import { formatTable, type TableColumn } from '../table.ts'
import type { Invocation, Verb } from '../verb.ts'

const actions = ['list', 'show', 'retry', 'drop'] as const

/** `hermes dead-letters list|show|retry|drop WORKFLOW`: what a workflow could not deliver, and what becomes of it. */
export const deadLetters: Verb = {
  define: (command) =>
    command
      .addArgument(new Argument('<action>', 'list, show, retry or drop').choices(actions))
      .argument('<workflow>', 'name of a workflow')
      .argument('[letters...]', 'ids of letters, as list prints them')
      .addOption(new Option('--where <cel>', 'only letters that a CEL expression holds for'))
      .addOption(new Option('--limit <n>', 'so many letters at most, the oldest first').argParser(readLimit))
      .option('--all', 'retry and drop: every letter of the workflow')
      .addOption(outputOption()),
  examples: [
    ['hermes dead-letters list prices', 'the oldest fifty, with stage and reason'],
    [`hermes dead-letters list prices --where 'stage == "sinks.cold"'`, 'those of one sink'],
    [`hermes dead-letters show prices --where 'message.symbol == "AAPL"' --limit 1`, 'one of them with its payload'],
    ['hermes dead-letters retry prices --all', 'send them through the workflow again'],
    [`hermes dead-letters drop prices --where 'at < timestamp("2026-01-01T00:00:00Z")'`, 'delete old ones for good'],
  ],
  run: async (invocation) => {
    const { args, environment, config } = invocation
    const [action, workflow = '', ...ids] = args
    const selection = selectionOf(ids, invocation.options)
    const looks = action === 'list' || action === 'show'
    if (!looks) requireSelection(action ?? '', selection, invocation.options)
    await withApi({ config: config(), environment, readOnly: looks }, async ({ api }) => {
      await acts[action as (typeof actions)[number]](invocation, api.deadLetters, workflow, selection)
    })
  },
}

function readLimit(text: string): number {
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (limit < 1) throw new HermesError('usage', `--limit is ${text}: it must be 1 or more`)
  return limit
}

function selectionOf(ids: readonly string[], { where, limit }: Invocation['options']): LetterSelection {
  return {
    ...(ids.length === 0 ? {} : { ids }),
    ...(typeof where === 'string' ? { where } : {}),
    ...(typeof limit === 'number' ? { limit } : {}),
  }
}

/** Everything is meant only by who says so. */
function requireSelection(action: string, { ids, where }: LetterSelection, { all }: Invocation['options']): void {
  const isSaid = ids !== undefined || where !== undefined
  if (isSaid !== (all === true)) return
  const message = isSaid
    ? `--all goes with neither letters nor --where`
    : `${action} needs ids of letters, --where or --all`
  throw new HermesError('usage', message)
}

type Act = (
  invocation: Invocation,
  letters: DeadLetterApi,
  workflow: string,
  selection: LetterSelection,
) => Promise<void>

const acts: Readonly<Record<(typeof actions)[number], Act>> = {
  list: async ({ environment: { stdout }, options }, letters, workflow, selection) => {
    const found = await letters.list(workflow, selection)
    await print(stdout, options.output, found, () => listText(found, workflow, Date.now(), stdout))
  },
  show: async ({ environment: { stdout }, options }, letters, workflow, selection) => {
    const ids = selection.where === undefined ? selection.ids : undefined
    const found: LetterView[] = []
    for (const id of ids ?? (await letters.list(workflow, selection)).map((each) => each.id)) {
      found.push(await letters.show(workflow, id))
    }
    await print(stdout, options.output, found, () => found.map((each) => letterText(each)).join('\n'))
  },
  retry: async ({ environment: { stdout }, options }, letters, workflow, selection) => {
    const done = await letters.retry(workflow, selection)
    await print(
      stdout,
      options.output,
      done,
      () => `sent ${counted(done.letters, 'letter', stdout.isTerminal)} again\n`,
    )
  },
  drop: async ({ environment: { stdout }, options }, letters, workflow, selection) => {
    const done = await letters.drop(workflow, selection)
    await print(stdout, options.output, done, () => `dropped ${counted(done.letters, 'letter', stdout.isTerminal)}\n`)
  },
}

const columns: readonly TableColumn[] = [
  { title: 'LETTER' },
  { title: 'WRITTEN' },
  { title: 'STAGE' },
  { title: 'ATTEMPTS', align: 'right' },
  { title: 'KEY', shrinks: true },
  { title: 'BYTES', align: 'right' },
  { title: 'REASON', shrinks: true },
]

function listText(found: readonly LetterSummary[], workflow: string, now: number, output: Output): string {
  if (found.length === 0) return `${workflow} has no such dead letters\n`
  const rows = found.map(({ id, at, stage, attempts, key, bytes, reason }) => [
    id,
    relativeTime(at, now),
    stage,
    String(attempts),
    key,
    formatCount(bytes, output.isTerminal),
    reason,
  ])
  return formatTable(columns, rows, output)
}

function letterText(letter: LetterView): string {
  const { id, at, stage, reason, attempts, messageId, key, route, position, payload, encoding } = letter
  const lines: [string, string | undefined][] = [
    ['letter', id],
    ['written', at],
    ['stage', stage],
    ['reason', reason],
    ['attempts', String(attempts)],
    ['message', messageId],
    ['key', key],
    ['route', route],
    ['position', position === undefined ? undefined : JSON.stringify(position)],
    [encoding === 'base64' ? 'base64' : 'payload', payload],
  ]
  return lines
    .flatMap(([title, value]) => (value === undefined ? [] : [`${title.padEnd(8)}  ${printable(value)}\n`]))
    .join('')
}
