import { describe, expect, it } from 'vitest'
import { displayWidth, formatCount, printable, relativeTime, truncate } from '../../src/cli/display.ts'
import type { Output } from '../../src/cli/environment.ts'
import { progressLine } from '../../src/cli/progress-line.ts'
import { rowsText } from '../../src/cli/rows-text.ts'
import { formatTable } from '../../src/cli/table.ts'
import { rawNumber } from '../../src/lossless-json.ts'

function output(columns?: number, colours = false): Output & { text: string } {
  return {
    text: '',
    write(text) {
      this.text += text
    },
    isTerminal: columns !== undefined,
    columns: columns ?? 120,
    colours,
  }
}

const columns = [
  { title: 'NAME', shrinks: true },
  { title: 'ROWS', align: 'right' as const },
  { title: 'MESSAGE', shrinks: true },
]

describe('a table', () => {
  it('is aligned, with - for nothing and no space at the ends', () => {
    const rows = [
      ['prices', '1200', undefined],
      ['q', '', 'it waits'],
    ]
    expect(formatTable(columns, rows, output())).toBe(
      'NAME    ROWS  MESSAGE\nprices  1200  -\nq          -  it waits\n',
    )
  })

  it('is aligned by what is seen', () => {
    const rows = [
      ['日本', '1', 'x'],
      ['e\u0301e\u0301', '1', '😀'],
      ['abcd', '1', 'x'],
    ]
    const lines = formatTable(columns, rows, output()).trimEnd().split('\n').slice(1)
    expect(lines.map((line) => displayWidth(line.slice(0, line.indexOf('1'))))).toEqual([9, 9, 9])
  })

  it.each([200, 80, 40, 30])('is no wider than a terminal of %i columns', (width) => {
    const rows = [
      ['n'.repeat(50), '1200', 'm'.repeat(90)],
      ['短い'.repeat(20), '7', 'ok'],
    ]
    const lines = formatTable(columns, rows, output(width)).trimEnd().split('\n')
    expect(Math.max(...lines.map(displayWidth))).toBeLessThanOrEqual(width)
    expect(lines[1]).toContain('1200')
    if (width < 150) expect(lines[1]).toContain('…')
  })

  it('is whole in a pipe', () => {
    expect(formatTable(columns, [['n'.repeat(300), '1', 'm'.repeat(300)]], output())).toContain('m'.repeat(300))
  })

  it('has colours only where they are welcome, and the same columns with them', () => {
    const rows = [['a', '1', { text: 'ready', style: 'green' as const }]]
    expect(formatTable(columns, rows, output(80))).not.toContain('\u001b')
    const coloured = formatTable(columns, rows, output(80, true))
    expect(coloured).toContain('\u001b[32mready')
    // oxlint-disable-next-line no-control-regex
    expect(coloured.replaceAll(/\u001b\[\d+m/g, '')).toBe(formatTable(columns, rows, output(80)))
  })

  it('does not let data steer the terminal', () => {
    const evil = '\u001b]0;owned\u0007\u001b[2J\rline\nnext\u202e'
    expect(formatTable(columns, [[evil, '1', '']], output(80))).not.toMatch(/[\p{Cc}\u202e](?<!\n)/u)
    expect(printable('a\r\n  b')).toBe('a b')
  })
})

describe('rows of data', () => {
  it('show every value as it is', () => {
    const rows = [
      { id: rawNumber('9007199254740993'), price: '0.10', at: null, tags: ['a'], bytes: new Uint8Array([255]) },
      { id: 2n, price: '', extra: true },
    ]
    expect(rowsText(rows, output())).toBe(
      '              id  price  at    tags   bytes  extra\n' +
        '9007199254740993  0.10   null  ["a"]  \\xff   -\n' +
        '               2  ""     -     -      -      true\n',
    )
    expect(rowsText([], output())).toBe('no rows\n')
  })
})

describe('words about time and number', () => {
  const now = Date.UTC(2026, 0, 2)
  it.each([
    [0, 'now'],
    [-400, 'now'],
    [-3_000, '3s ago'],
    [-90_000, '1m 30s ago'],
    [-720_000, '12m ago'],
    [3_600_000, 'in 1h'],
    [93_600_000, 'in 1d 2h'],
  ])('%i ms is %s', (ms, text) => {
    expect(relativeTime(new Date(now + ms).toISOString(), now)).toBe(text)
  })

  it.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [1234567, '1,234,567'],
  ])('%i is %s', (count, text) => {
    expect(formatCount(count, true)).toBe(text)
    expect(formatCount(count, false)).toBe(String(count))
  })

  it('is cut to what is seen', () => {
    expect(truncate('abcdef', 4)).toBe('abc…')
    expect(truncate('日本語', 4)).toBe('日…')
    expect(truncate('日本', 4)).toBe('日本')
    expect(relativeTime(undefined, now)).toBe('-')
  })
})

describe('a progress line', () => {
  it('is written over in place, seldom, and is gone at the end', () => {
    const terminal = output(20)
    {
      using line = progressLine(terminal)
      for (let index = 0; index < 1000; index += 1) line.show(`${index} rows ${'x'.repeat(50)}`)
    }
    const erase = '\r\u001b[2K'
    expect(terminal.text).toBe(`${erase}0 rows ${'x'.repeat(11)}…${erase}`)
  })

  it('is nothing in a pipe', () => {
    const pipe = output()
    {
      using line = progressLine(pipe)
      line.show('1 row')
    }
    expect(pipe.text).toBe('')
  })
})
