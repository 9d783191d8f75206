import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { type Config, settings } from '../../config.ts'
import { type Key, keyOf } from '../../manifest/manifest.ts'
import { runningService } from '../reach.ts'
import { knownKinds } from '../resource-name.ts'
import type { Verb, VerbEntry } from '../verb.ts'

type Verbs = Readonly<Record<string, VerbEntry>>

/** `hermes __complete -- WORD…`: the words that may stand where the last one stands. Never fails, never waits long. */
export function completeVerb(verbs: Verbs): Verb {
  return {
    define: (command) => command.argument('[words...]').allowUnknownOption(),
    examples: [],
    run: async ({ args, environment, config }) => {
      const typed = args.at(-1) ?? ''
      const before = args.slice(0, -1)
      const name = before.find((word) => Object.hasOwn(verbs, word))
      const candidates = typed.startsWith('-') ? optionsOf(name === undefined ? undefined : verbs[name]) : wordsOf(name)
      const fitting = (await candidates.catch(() => [])).filter((each) => each.startsWith(typed))
      environment.stdout.write(fitting.map((each) => `${each}\n`).join(''))

      async function wordsOf(verb: string | undefined): Promise<readonly string[]> {
        return verb === undefined ? Object.keys(verbs) : await operandsOf(verb, before, config)
      }
    },
  }
}

/** The kinds, keys or words that a verb takes after those before. */
async function operandsOf(verb: string, before: readonly string[], config: () => Config): Promise<readonly string[]> {
  switch (verb) {
    case 'list':
      return knownKinds
    case 'schema':
      return [...knownKinds, 'WorkflowTest']
    case 'get':
    case 'tree':
    case 'delete':
    case 'suspend':
    case 'resume':
    case 'reconcile':
      return await keys(config())
    case 'run':
      return await names('SourceDefinition', config())
    case 'trace':
      return await tables(config())
    case 'tap':
    case 'top':
      return await names('Workflow', config())
    case 'dead-letters':
    case 'buffer':
      return actions[verb].some((each) => before.includes(each)) ? await names('Workflow', config()) : actions[verb]
    case 'completion':
      return ['bash', 'zsh', 'fish']
    default:
      return []
  }
}

const actions = { 'dead-letters': ['list', 'show', 'retry', 'drop'], buffer: ['inspect', 'verify'] } as const

async function optionsOf(entry: VerbEntry | undefined): Promise<readonly string[]> {
  const command = new Command()
  if (entry !== undefined) (await entry.load()).define(command)
  return [
    '--help',
    ...command.options.flatMap(({ long }) => long ?? []),
    ...Object.values(settings).map(({ flag }) => flag),
  ]
}

/** From the service alone: files are not read for it. */
async function tables(config: Config): Promise<readonly string[]> {
  const service = await runningService(config)
  const found = (await service?.status())?.resources.flatMap(({ table }) => table ?? []) ?? []
  return [...new Set(found)].toSorted()
}

async function names(kind: string, config: Config): Promise<readonly string[]> {
  const found = (await keys(config)).filter((key) => key.startsWith(`${kind}/`))
  return found.map((key) => key.slice(kind.length + 1))
}

/** From the service; with none from what was written back, by the names of its files. */
async function keys(config: Config): Promise<readonly Key[]> {
  const service = await runningService(config).catch(() => undefined)
  if (service !== undefined) return (await service.status()).resources.map(keyOf)
  const found = await Promise.all(
    knownKinds.map(async (kind) => {
      const files = await readdir(join(config.statusDir, kind)).catch(() => [])
      return files.filter((file) => file.endsWith('.yaml')).map((file) => `${kind}/${file.slice(0, -'.yaml'.length)}`)
    }),
  )
  return found.flat()
}
