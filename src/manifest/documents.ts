import { type Document, LineCounter, parseAllDocuments, type YAMLError } from 'yaml'
import type { Location } from '../errors.ts'
import type { YamlFault } from './yaml-value.ts'

/** One YAML document of a file. */
export interface FileDocument {
  readonly document: Document
  /** Syntax errors; with any of them the document's content means nothing. */
  readonly faults: readonly YamlFault[]
  /** The stretch of the file's text that belongs to it, from its `---` to the next one. */
  readonly start: number
  readonly end: number
}

/** A file's documents, and the way from an offset to line and column. */
export interface FileDocuments {
  readonly documents: readonly FileDocument[]
  readonly locate: (offset: number) => Location
}

/** Parses YAML 1.2 (and so JSON). Never throws: what is wrong stands in `faults`. */
export function parseDocuments(text: string, file: string): FileDocuments {
  const lineCounter = new LineCounter()
  const locate = (offset: number): Location => {
    const { line, col } = lineCounter.linePos(offset)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  // Duplicate keys are looked for in valueOf: the parser's own search takes time with the square of the keys.
  const options = { lineCounter, uniqueKeys: false, prettyErrors: false, keepSourceTokens: false } as const
  const documents = parseAllDocuments(text, options)
  return { documents: 'empty' in documents ? [] : documents.map((each) => withFaults(each, text)), locate }
}

function withFaults(document: Document.Parsed, text: string): FileDocument {
  const [start, , end] = document.range
  const faults: YamlFault[] = []
  for (const each of [...document.errors, ...document.warnings]) {
    if (!isConsequence(each, faults.at(-1), text)) faults.push(faultOf(each, text))
  }
  return { document, faults, start, end }
}

/** After its first slip the parser stumbles over what is right: only one fault a line counts, and no lost tokens. */
function isConsequence({ message, pos: [offset] }: YAMLError, last: YamlFault | undefined, text: string): boolean {
  if (last === undefined) return false
  return message.includes('token in YAML stream') || !text.slice(last.offset, offset).includes('\n')
}

const tokenNames: Readonly<Record<string, string>> = {
  'flow-map-start': '{',
  'flow-map-end': '}',
  'flow-seq-start': '[',
  'flow-seq-end': ']',
  'map-value-ind': ':',
  'seq-item-ind': '-',
  'explicit-key-ind': '?',
}

function faultOf({ message, pos: [offset] }: YAMLError, text: string): YamlFault {
  const isTemplate = text.slice(offset - 1, offset + 1) === '${'
  return { code: 'yaml_syntax', message: isTemplate ? 'text with ${…} needs quotes here' : plain(message), offset }
}

function plain(message: string): string {
  const [first = ''] = message.split('\n')
  const unplaced = first.replace(/ at line \d+, column \d+:?$/, '')
  return unplaced
    .replace(/[a-z]+(-[a-z]+)+/g, (word) => tokenNames[word] ?? word)
    .replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase())
}
