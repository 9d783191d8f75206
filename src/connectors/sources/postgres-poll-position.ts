/** A row's place: the text of its cursor, and of its key; empty is before all rows. */
export type RowPlace = readonly string[]

/** A place that was reached, and when: what got its cursor later is behind it. */
interface Mark {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly place: RowPlace
}

/** Where polling stands. */
export interface PollPosition {
  /** Tells a position of another table, cursor or key from this one. */
  readonly of: string
  /** The last row in the order of cursor and key; empty before the first. */
  readonly head: RowPlace
  /** When rows that were committed late were last looked for. */
  readonly asked: number
  /** Places before, oldest first, as far back as rows may still be found behind them. */
  readonly marks: readonly Mark[]
}

/** So many marks cover the time in which rows may still be found. */
const MARKS = 10

/** A position that this source gave for the same rows; undefined for the beginning. */
export function pollPosition(from: unknown, of: string): PollPosition | undefined {
  if (typeof from !== 'object' || from === null) return undefined
  const position = from as Partial<PollPosition>
  const isWhole = Array.isArray(position.head) && Array.isArray(position.marks) && typeof position.asked === 'number'
  return position.of === of && isWhole ? (position as PollPosition) : undefined
}

/** Behind `head`, which was reached now: what is older than need be is forgotten. */
export function moved(position: PollPosition, head: RowPlace, now: number, settleMs: number): PollPosition {
  if (settleMs === 0) return { ...position, head }
  const last = position.marks.at(-1)
  const isSoon = last !== undefined && now - last.at < settleMs / MARKS
  const marks = isSoon ? position.marks : [...position.marks, { at: now, place: head }]
  return { ...position, head, marks: marks.slice(Math.max(0, settledMark({ ...position, marks }, settleMs))) }
}

/**
 * Behind which place rows may still be found that were committed late: all that got their cursor before it was reached
 * were visible when they were last looked for.
 */
export function settledPlace(position: PollPosition, settleMs: number): RowPlace {
  return position.marks[settledMark(position, settleMs)]?.place ?? []
}

function settledMark({ marks, asked }: Pick<PollPosition, 'marks' | 'asked'>, settleMs: number): number {
  return marks.findLastIndex(({ at }) => at <= asked - settleMs)
}
