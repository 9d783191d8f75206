import { type Document, isMap, isScalar, type YAMLMap } from 'yaml'
import { HermesError } from '../errors.ts'
import { type DocumentText, documentTexts } from './document-text.ts'
import { parseDocuments } from './documents.ts'
import { nameOf } from './yaml-place.ts'

/** Which document of a file is meant. */
export interface DocumentName {
  readonly kind: string
  readonly name: string
}

/**
 * The file's text with one document replaced. Other documents and the comments between them stay to the letter;
 * comments before and after the replaced one stay unless the replacement brings its own. Throws `not_found`.
 */
export function replaceDocument(text: string, which: DocumentName, replacement: string): string {
  const old = find(text, which)
  const fresh = only(replacement)
  const above = text.slice(0, old.start)
  const isRepeated = fresh.lead.trim() !== '' && above.trimEnd().endsWith(fresh.lead.trim())
  const lead = fresh.lead.trim() === '' || isRepeated ? old.lead : fresh.lead
  const tail = fresh.tail.trim() === '' ? old.tail : fresh.tail
  const parts = [old.marker, lead, line(fresh.body), tail, old.close]
  return above + parts.map((part, i) => (i === 0 ? part : line(part))).join('') + text.slice(old.end)
}

/** The file's text without one document; undefined when no document is left in it. Throws `not_found`. */
export function removeDocument(text: string, which: DocumentName): string | undefined {
  const { start, end } = find(text, which)
  const rest = text.slice(0, start) + text.slice(end)
  return documentTexts(rest).length === 0 ? undefined : rest
}

/** The file's text with one more document at its end. */
export function appendDocument(text: string, addition: string): string {
  const { lead, body, tail } = only(addition)
  const above = line(text)
  return `${above}${documentTexts(text).length === 0 ? '' : '---\n'}${lead}${line(body)}${tail}`
}

/** The documents of a text, each as a file of its own. */
export function separateDocuments(text: string): readonly (DocumentName & { readonly text: string })[] {
  const documents = documentTexts(text)
  return documents.map(({ kind = '', name = '', start, lead, body, tail }, i) => {
    const head = i === 0 ? text.slice(0, start).replace(/^%[^\n]*\n/gm, '') : ''
    return { kind, name, text: `${head}${lead}${line(body)}${tail}`.trimStart() }
  })
}

/** The file's text with `spec.suspend` of one document set. Throws `not_found`, or `request_invalid` for a spec that is an alias. */
export function setSuspend(text: string, which: DocumentName, suspended: boolean): string {
  const { start, end } = find(text, which)
  const [parsed] = parseDocuments(text.slice(start, end), '').documents
  const edit = parsed === undefined ? undefined : suspendEdit(text.slice(start, end), parsed.document, suspended)
  if (edit === undefined)
    throw new HermesError('request_invalid', `spec of ${which.kind}/${which.name} is not written as a mapping`)
  return text.slice(0, start + edit.from) + edit.insert + text.slice(start + edit.to)
}

interface Edit {
  readonly from: number
  readonly to: number
  readonly insert: string
}

function suspendEdit(text: string, document: Document, suspended: boolean): Edit | undefined {
  const spec = document.get('spec')
  if (!isMap(spec) || spec.range === undefined || spec.range === null) return undefined
  const present = spec.items.find((pair) => nameOf(pair) === 'suspend')?.value
  if (isScalar(present) && present.range !== undefined && present.range !== null) {
    const [from, to] = present.range
    return { from, to, insert: from === to ? ` ${suspended}` : `${suspended}` }
  }
  return present === undefined ? newField(text, spec, spec.range[0], suspended) : undefined
}

/** Before the first field, in the style of the mapping. */
function newField(text: string, spec: YAMLMap, at: number, suspended: boolean): Edit {
  if (spec.flow !== true) {
    const indent = at - (text.lastIndexOf('\n', at - 1) + 1)
    return { from: at, to: at, insert: `suspend: ${suspended}\n${' '.repeat(indent)}` }
  }
  const [first] = spec.items
  const isQuoted = first !== undefined && isScalar(first.key) && first.key.type === 'QUOTE_DOUBLE'
  const field = `${isQuoted ? '"suspend"' : 'suspend'}: ${suspended}`
  return { from: at + 1, to: at + 1, insert: first === undefined ? ` ${field} ` : ` ${field},` }
}

function find(text: string, { kind, name }: DocumentName): DocumentText {
  const found = documentTexts(text).find((each) => each.kind === kind && each.name === name)
  if (found === undefined) throw new HermesError('not_found', `the file declares no ${kind}/${name}`)
  return found
}

function only(text: string): Pick<DocumentText, 'lead' | 'body' | 'tail'> {
  const [first] = documentTexts(text)
  if (first === undefined) throw new HermesError('request_invalid', 'the text holds no document')
  const head = text.slice(0, first.start).replace(/^%[^\n]*\n/gm, '')
  return { lead: head + first.lead, body: first.body, tail: first.tail }
}

/** With a line break at its end, unless it is empty. */
function line(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}
