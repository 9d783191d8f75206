import { isMap } from 'yaml'
import { type FileDocument, parseDocuments } from './documents.ts'

/** Text of one document, taken apart; together the parts are its stretch of the file. */
export interface DocumentText {
  readonly kind: string | undefined
  readonly name: string | undefined
  /** Offsets of the stretch in the file. */
  readonly start: number
  readonly end: number
  /** `---` and what stands on its line, or nothing. */
  readonly marker: string
  /** Comments and empty lines before the content. */
  readonly lead: string
  readonly body: string
  /** Comments and empty lines after the content. */
  readonly tail: string
  /** `...`, or nothing. */
  readonly close: string
}

/** The documents of a file that have content. */
export function documentTexts(text: string): readonly DocumentText[] {
  const { documents } = parseDocuments(text, '')
  return documents
    .filter(({ document }) => document.contents?.range !== undefined && !isEmpty(document))
    .map((each) => takeApart(text, each))
}

function isEmpty(document: FileDocument['document']): boolean {
  const [start, end] = document.contents?.range ?? [0, 0]
  return start === end
}

function takeApart(text: string, { document, start, end }: FileDocument): DocumentText {
  const stretch = text.slice(start, end)
  const marker = /^---(?=\s|$)[ \t]*(?:\r?\n|(?=#)[^\n]*\n)?/.exec(stretch)?.[0] ?? ''
  const close = /^\.\.\.[ \t]*(?:#[^\n]*)?\r?\n?$/m.exec(stretch)?.[0] ?? ''
  const content = stretch.slice(marker.length, stretch.length - close.length)
  const lead = takeLines(content.split(/(?<=\n)/))
  const tail = takeLines(
    content
      .slice(lead.length)
      .split(/(?<=\n)/)
      .toReversed(),
    true,
  )
  const body = content.slice(lead.length, content.length - tail.length)
  return {
    kind: textAt(document, ['kind']),
    name: textAt(document, ['metadata', 'name']),
    start,
    end,
    marker,
    lead,
    body,
    tail,
    close,
  }
}

/** The leading lines that are empty or comments; `isReversed` when the lines come last line first. */
function takeLines(lines: readonly string[], isReversed = false): string {
  const end = lines.findIndex((line) => !/^(#|\s*$)/.test(line))
  const taken = end < 0 ? lines : lines.slice(0, end)
  return (isReversed ? taken.toReversed() : taken).join('')
}

function textAt(document: FileDocument['document'], path: readonly string[]): string | undefined {
  const value: unknown = isMap(document.contents) && document.errors.length === 0 ? document.getIn(path) : undefined
  return typeof value === 'string' ? value : undefined
}
