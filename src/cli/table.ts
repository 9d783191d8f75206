import { displayWidth, printable, truncate } from './display.ts'
import type { Output } from './environment.ts'
import { painter, type Style } from './paint.ts'

export interface TableColumn {
  readonly title: string
  readonly align?: 'right'
  /** Gives way first when the terminal is narrow. */
  readonly shrinks?: boolean
}

/** A cell's text; `-` stands for nothing. */
export type Cell = string | undefined | { readonly text: string; readonly style: Style }

const GAP = '  '
const NARROWEST = 8

/** Columns by the width of their widest cell; on a terminal no line is wider than it. Nothing but text in a pipe. */
export function formatTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly Cell[])[],
  output: Output,
): string {
  const texts = rows.map((row) => columns.map((_, index) => textOf(row[index])))
  const natural = columns.map(({ title }, index) =>
    texts.reduce((widest, row) => Math.max(widest, displayWidth(row[index] ?? '')), displayWidth(title)),
  )
  const widths = output.isTerminal ? fit(columns, natural, output.columns) : natural
  const paint = painter(output)
  const line = (cells: readonly string[], styleAt: (index: number) => Style | undefined) =>
    cells
      .map((text, index) => {
        const padded = pad(
          truncate(text, widths[index] ?? 0),
          widths[index] ?? 0,
          columns[index],
          index === columns.length - 1,
        )
        const style = styleAt(index)
        return style === undefined ? padded : paint(style, padded)
      })
      .join(GAP)
      .trimEnd()
  const head = line(
    columns.map(({ title }) => title),
    () => 'dim',
  )
  const body = texts.map((row, index) => line(row, (column) => styleOf(rows[index]?.[column])))
  return `${[head, ...body].join('\n')}\n`
}

function textOf(cell: Cell): string {
  const text = typeof cell === 'object' ? cell.text : (cell ?? '')
  return text === '' ? '-' : printable(text)
}

function styleOf(cell: Cell): Style | undefined {
  return typeof cell === 'object' ? cell.style : undefined
}

function pad(text: string, width: number, column: TableColumn | undefined, last: boolean): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)))
  if (column?.align === 'right') return space + text
  return last ? text : text + space
}

/** Takes what is too much from the shrinking columns, the widest first, then from all. */
function fit(columns: readonly TableColumn[], natural: readonly number[], terminal: number): number[] {
  const widths = [...natural]
  let excess = widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1) - terminal
  for (const mayShrink of [(index: number) => columns[index]?.shrinks === true, () => true]) {
    while (excess > 0) {
      const widest = indexOfWidest(widths, mayShrink)
      if (widest === undefined) break
      const take = Math.min(excess, Math.max(1, Math.ceil(((widths[widest] ?? 0) - NARROWEST) / 2)))
      widths[widest] = (widths[widest] ?? 0) - take
      excess -= take
    }
  }
  return widths
}

function indexOfWidest(widths: readonly number[], mayShrink: (index: number) => boolean): number | undefined {
  let found: number | undefined
  for (const [index, width] of widths.entries()) {
    if (width > NARROWEST && mayShrink(index) && width > (found === undefined ? 0 : (widths[found] ?? 0))) found = index
  }
  return found
}
