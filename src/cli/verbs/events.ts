import { Option } from 'commander'
import type { Key } from '../../manifest/manifest.ts'
import { countedPattern } from '../../reconcile/name-list.ts'
import type { Api, EventEntry } from '../../service/api.ts'
import { relativeTime, roughDuration } from '../display.ts'
import type { Output } from '../environment.ts'
import { type Alike, foldAlike } from '../fold-alike.ts'
import { outputOption, print } from '../print.ts'
import { requireService } from '../reach.ts'
import { resolveKey } from '../resource-name.ts'
import { formatTable, type TableColumn } from '../table.ts'
import type { Verb } from '../verb.ts'
import { watch } from '../watch.ts'

/** `hermes events`: what happened since the service began, repeats folded. Throws `service_absent` without one. */
export const events: Verb = {
  define: (command) =>
    command
      .addOption(new Option('--for <KIND/NAME>', 'what happened to one resource'))
      .option('-w, --watch', 'show it again whenever something happens')
      .addOption(outputOption()),
  examples: [
    ['hermes events', 'what happened, the latest last'],
    ['hermes events --for SourceDefinition/quotes', 'to one resource'],
    ['hermes events --watch', 'and keep looking'],
  ],
  run: async ({ environment, options, config }) => {
    const api = await requireService(config(), 'it alone keeps what happened')
    const key = typeof options.for === 'string' ? await keyMeant(api, options.for) : undefined
    const { stdout } = environment
    const render = (entries: readonly EventEntry[]) => eventsText(entries, Date.now(), stdout)
    if (options.watch === true) return watch(environment, WATCH_MS, async () => render(await api.events(key)))
    const entries = await api.events(key)
    await print(stdout, options.output, entries, () => render(entries))
    return undefined
  },
}

const WATCH_MS = 1_000

/** Resources that are gone may still stand in events, and tables that are well in no status. */
async function keyMeant(api: Api, given: string): Promise<Key> {
  const [entries, { resources }] = await Promise.all([api.events(), api.status()])
  const told = entries.flatMap(({ key }) => (key === undefined ? [] : [named(key)]))
  const tables = resources.flatMap(({ table }) => (table === undefined ? [] : [named(`Table/${table}`)]))
  return resolveKey(given, [...told, ...tables, ...resources])
}

function named(key: Key): { readonly kind: string; readonly name: string } {
  const slash = key.indexOf('/')
  return { kind: key.slice(0, slash), name: key.slice(slash + 1) }
}

const columns: readonly TableColumn[] = [
  { title: 'LAST SEEN' },
  { title: 'RESOURCE', shrinks: true },
  { title: 'REASON' },
  { title: 'MESSAGE', shrinks: true },
]

/** `2m ago (x17 over 8m)` is the first cell of what happened seventeen times. */
export function eventsText(entries: readonly EventEntry[], now: number, output: Output): string {
  if (entries.length === 0) return 'nothing happened yet\n'
  const folded = foldAlike(entries.toReversed(), sameButName).toReversed()
  const rows = folded.map((alike) => {
    const [latest] = alike
    const { type, reason, message } = latest
    const isOne = alike.every((each) => each.message === message)
    return [
      `${relativeTime(latest.lastAt, now)}${repeats(alike)}`,
      resourceOf(alike),
      type === 'warning' ? { text: reason, style: 'yellow' as const } : reason,
      isOne ? message : `for example ${message}`,
    ]
  })
  return formatTable(columns, rows, output)
}

/** What happened to many resources alike has one key, whatever they are called and however many rows there are. */
function sameButName({ type, key, reason, message }: EventEntry): string {
  if (key === undefined) return JSON.stringify([type, reason, message])
  const { kind, name } = named(key)
  const words = message
    .replaceAll(name, '*')
    .replaceAll(name.replace(/[-.]/g, '_'), '*')
    .replace(/\d[\d,.]*/g, '#')
  return JSON.stringify([type, kind, reason, words])
}

/** `SourceDefinition/quotes-* (300)` for many. */
function resourceOf(alike: Alike<EventEntry>): string | undefined {
  const [{ key }] = alike
  if (alike.length === 1 || key === undefined) return key
  return `${named(key).kind}/${countedPattern(alike.map((each) => named(each.key ?? '').name))}`
}

function repeats(alike: Alike<EventEntry>): string {
  const times = alike.reduce((sum, { count }) => sum + count, 0)
  if (times === 1) return ''
  const firstAt = Math.min(...alike.map((each) => Date.parse(each.firstAt)))
  const lastAt = Math.max(...alike.map((each) => Date.parse(each.lastAt)))
  return ` (x${times} over ${roughDuration(lastAt - firstAt)})`
}
