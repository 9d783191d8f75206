import { Option } from 'commander'
import { HermesError } from '../../errors.ts'
import { keyOf } from '../../manifest/manifest.ts'
import type { Api, ManifestView, ResourceStatus } from '../../service/api.ts'
import { printable } from '../display.ts'
import type { Output } from '../environment.ts'
import { painter } from '../paint.ts'
import { outputOption, print } from '../print.ts'
import { withApi } from '../reach.ts'
import { resolveKey, withDefinitions } from '../resource-name.ts'
import { rowsText } from '../rows-text.ts'
import { stateStyle } from '../state-style.ts'
import type { Verb } from '../verb.ts'

/** `hermes get KIND/NAME`: one resource's manifest and status, and with --rows what it fetched. */
export const get: Verb = {
  define: (command) =>
    command
      .argument('<resource>', 'Kind/name, or a name alone where it is the only one')
      .addOption(new Option('--rows <n>', 'the first rows of its table').argParser(readRows))
      .addOption(outputOption()),
  examples: [
    ['hermes get SourceDefinition/quotes', 'its manifest and status'],
    ['hermes get quotes --rows 10', 'and its first ten rows'],
    ['hermes get quotes --rows 10 -o json', 'for a program'],
  ],
  run: async ({ args, environment, options, config }) => {
    const found = await withApi({ config: config(), environment, readOnly: true }, ({ api }) =>
      look(api, args[0] ?? '', options.rows as number | undefined),
    )
    await print(environment.stdout, options.output, found, () => getText(found, environment.stdout))
  },
}

interface Found {
  readonly manifest: ManifestView | undefined
  readonly status: ResourceStatus | undefined
  readonly rows?: readonly Record<string, unknown>[]
}

function readRows(text: string): number {
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > 1000) throw new HermesError('usage', `--rows is ${text}: it must be from 1 to 1000`)
  return count
}

async function look(api: Api, given: string, limit: number | undefined): Promise<Found> {
  const [known, report] = await Promise.all([api.manifests(), api.status()])
  const manifests = withDefinitions(known)
  const key = resolveKey(given, [...manifests, ...report.resources])
  const manifest = manifests.find((each) => keyOf(each) === key)
  const status = report.resources.find((each) => keyOf(each) === key)
  if (limit === undefined) return { manifest, status }
  if (status?.table === undefined) throw new HermesError('usage', `${key} has no rows: only sources have`)
  return { manifest, status, rows: await api.rows(status.name, limit) }
}

function getText({ manifest, status, rows }: Found, output: Output): string {
  const paint = painter(output)
  const parts: string[] = []
  if (manifest !== undefined) {
    parts.push(`${paint('dim', `# ${manifest.file}:${manifest.line}`)}\n${manifest.text.trimEnd()}\n`)
  }
  if (status !== undefined) parts.push(statusText(status, output))
  if (rows !== undefined) parts.push(rowsText(rows, output))
  return parts.join('\n')
}

function statusText(status: ResourceStatus, output: Output): string {
  const paint = painter(output)
  const { state, reason, message, revision, table, rows, lastRunAt, nextRunAt, attempts, lastError, cursor } = status
  const lines: [string, string | number | undefined][] = [
    ['state', paint(stateStyle[state], state)],
    ['reason', reason],
    ['message', printable(message)],
    ['revision', revision],
    ['table', table],
    ['rows', rows],
    ['last run', lastRunAt],
    ['next run', nextRunAt],
    ['attempts', attempts === 0 ? undefined : attempts],
    ['last error', lastError === undefined ? undefined : `${lastError.code}: ${printable(lastError.message)}`],
    ['cursor', cursor === undefined ? undefined : printable(cursor)],
  ]
  const shown = lines.filter(([, value]) => value !== undefined && value !== '')
  return shown.map(([title, value]) => `${title.padEnd(10)}  ${value}\n`).join('')
}
