import { toHermesError } from '../errors.ts'
import { type Canonical, misfit } from './canonical.ts'
import { toJson } from './coerce.ts'
import type { Row } from './database.ts'
import type { Kinds } from './infer.ts'
import { sourceJsonText, storableText } from './json-text.ts'
import type { Portion } from './portion.ts'
import { type RecordPlan, recordPlan } from './record-plan.ts'
import type { RunTarget } from './store.ts'
import type { KeyPlace } from './unique-rows.ts'
import type { Messages } from './workflow-store.ts'

/** How messages of one workflow become rows. */
export interface MessageShape {
  readonly target: RunTarget
  /** The column for messages as a whole. */
  readonly json: string | undefined
  /** The column for messages' ids. */
  readonly id: string | undefined
}

export interface MessagePart {
  readonly messages: Messages
  /** Those of the messages that are meant. */
  readonly indexes: readonly number[]
  /** Canonical. */
  readonly createdAt: string
  /** The database refuses by itself what is no JSON: messages go there as they came, and nobody parses them before. */
  readonly unparsed: boolean
  /** Takes, by index, why a message has no place; such a message is left out from then on. */
  readonly refused: Map<number, string>
}

/** Some messages of a batch: one that has no place in the table is refused, and the others are written. */
export function messagePortion(shape: MessageShape, part: MessagePart): Portion {
  return {
    rows: (plan, key, final) => rowsOf(shape, part, { plan, key, final }),
    survey: (plan) => surveyOf(shape, part, plan),
  }
}

interface Filling {
  readonly plan: RecordPlan
  readonly key: readonly KeyPlace[]
  readonly final: boolean
}

function rowsOf(shape: MessageShape, part: MessagePart, filling: Filling): readonly Row[] | undefined {
  const rows: Row[] = []
  const fill = filler(shape, part, filling)
  for (const index of part.indexes) {
    if (part.refused.has(index)) continue
    const row = fill(index)
    if (row === undefined) return undefined
    if (row !== 'refused') rows.push(row)
  }
  return rows
}

/** Makes the row of one message; undefined when the table has to change first. */
function filler(
  { target, json, id }: MessageShape,
  { messages, createdAt, refused, unparsed }: MessagePart,
  { plan, key, final }: Filling,
): (index: number) => Row | undefined | 'refused' {
  const place = (name: string | undefined) => plan.columns.findIndex((column) => column.name === name)
  const [jsonPlace, idPlace] = [place(json), place(id)]
  const isWhole = json !== undefined && target.key.every((name) => name === id) && target.columns.every(isFilled)
  const row = (index: number): Canonical[] | undefined => {
    const filled = isWhole ? plan.blank() : plan.row(messages.value(index), index + 1, final)
    if (filled === undefined) return undefined
    filled[1] = createdAt
    if (jsonPlace >= 0) filled[jsonPlace] = wholeOf(messages, index, unparsed)
    if (idPlace >= 0) filled[idPlace] = idText(messages.meta(index).id)
    for (const { name, index: at } of key) {
      if (filled[at] === null) throw new MessageRefusal(name === id ? 'it has no id' : `it has no value in ${name}`)
    }
    return filled
  }
  function isFilled({ name }: { readonly name: string }): boolean {
    return name === json || name === id
  }
  return (index) => {
    try {
      return row(index)
    } catch (error) {
      refused.set(index, reasonOf(error, index))
      return 'refused'
    }
  }
}

/** Why one message has no place, where no record is named. */
class MessageRefusal extends Error {}

function reasonOf(error: unknown, index: number): string {
  if (error instanceof MessageRefusal) return error.message
  return toHermesError(error).message.replace(`record ${index + 1} `, 'it ')
}

/** The whole of a message for its json column. */
function wholeOf(messages: Messages, index: number, unparsed: boolean): Canonical {
  const source = messages.source?.(index)
  if (source !== undefined && unparsed) return source
  const text = (source === undefined ? undefined : textOf(source)) ?? toJson(messages.value(index))
  if (text === misfit) throw new MessageRefusal('it nests deeper, or has a number larger, than a json column holds')
  return text
}

const decoder = new TextDecoder('utf-8', { fatal: true })

/** Undefined for what is no JSON, or none that can be stored as it came: its value tells why. */
function textOf(source: Uint8Array): string | undefined {
  try {
    return sourceJsonText(decoder.decode(source))
  } catch {
    return undefined
  }
}

function idText(id: string | undefined): string | null {
  return id === undefined ? null : storableText(id)
}

/**
 * Before the table is made or changed, what would have no place in any is refused: its fields must not become columns.
 * A column of the key that is not declared takes any value here.
 */
function surveyOf(shape: MessageShape, part: MessagePart, plan: RecordPlan): ReadonlyMap<string, Kinds> | undefined {
  const { target } = shape
  const declared = new Set(target.columns.map(({ name }) => name))
  const known = new Map(plan.columns.slice(2).map((column) => [column.name, column]))
  const key = target.key
    .filter((name) => !declared.has(name))
    .map((name) => ({ name, type: { type: 'text' } }) as const)
  const open = [...target.columns.map(({ name, type }) => known.get(name) ?? { name, type }), ...key]
  const screen = recordPlan({ ...target, evolve: 'freeze' }, open, part.createdAt, new Set())
  const places = target.key.map((name) => ({ name, index: screen.columns.findIndex((each) => each.name === name) }))
  rowsOf(shape, part, { plan: screen, key: places, final: true })
  const left = part.indexes.filter((index) => !part.refused.has(index))
  if (left.length === 0) return undefined
  if (shape.json !== undefined && key.length === 0) return new Map()
  const values = left.map((index) => part.messages.value(index))
  return plan.survey(values, 1)
}
