import { describe, expect, test } from 'vitest'
import {
  appendDocument,
  removeDocument,
  replaceDocument,
  separateDocuments,
  setSuspend,
} from '../../src/manifest/edit.ts'

const a = { kind: 'Source', name: 'a' }
const b = { kind: 'Source', name: 'b' }
const c = { kind: 'Source', name: 'c' }

function doc(name: string, more = ''): string {
  return `kind: Source\nmetadata: { name: ${name} }   # the name\nspec:\n  x: 1\n${more}`
}

const file = `# head of the file

# about a
${doc('a', '# after a\n\n')}--- # second
# about b
${doc('b')}...
# between
---
${doc('c', '  note: |\n    # no comment\n')}# the end
`

describe('replacing a document', () => {
  test('leaves everything else to the letter', () => {
    const edited = replaceDocument(file, b, 'kind: Source\nmetadata: { name: b }\nspec: {}')
    const [before = '', after = ''] = file.split(doc('b'))
    expect(edited).toBe(`${before}kind: Source\nmetadata: { name: b }\nspec: {}\n${after}`)
  })

  test('keeps the comments around it unless the new text brings its own', () => {
    const edited = replaceDocument(file, b, `---\n# new words\n${doc('b', '  y: 2\n')}`)
    expect(edited).toContain(`--- # second\n# new words\n${doc('b', '  y: 2\n')}...\n`)
    expect(edited).not.toContain('# about b')
    const first = replaceDocument(file, a, `# about a\n${doc('a', '  y: 2\n')}`)
    expect(first).toBe(file.replace(doc('a'), doc('a', '  y: 2\n')))
    const last = replaceDocument(file, c, doc('c'))
    expect(last.endsWith(`---\n${doc('c')}# the end\n`)).toBe(true)
  })

  test('with the same text changes nothing', () => {
    for (const { kind, name, text } of separateDocuments(file)) {
      expect(replaceDocument(file, { kind, name }, text)).toBe(file)
    }
  })

  test('refuses a name that the file does not declare', () => {
    expect(() => replaceDocument(file, { kind: 'Source', name: 'd' }, doc('d'))).toThrow(
      expect.objectContaining({ code: 'not_found' }),
    )
    expect(() => replaceDocument(file, a, '# nothing\n')).toThrow(expect.objectContaining({ code: 'request_invalid' }))
  })
})

describe('removing and appending', () => {
  test('one after the other, until nothing is left', () => {
    const withoutB = removeDocument(file, b) ?? ''
    expect(withoutB).toContain(doc('a'))
    expect(withoutB).toContain(doc('c'))
    expect(withoutB).toContain('# between')
    expect(separateDocuments(withoutB).map(({ name }) => name)).toEqual(['a', 'c'])
    const onlyC = removeDocument(withoutB, a) ?? ''
    expect(separateDocuments(onlyC).map(({ name }) => name)).toEqual(['c'])
    expect(onlyC.startsWith('# head of the file\n')).toBe(true)
    expect(removeDocument(onlyC, c)).toBeUndefined()
  })

  test('appending', () => {
    expect(appendDocument('', doc('a'))).toBe(doc('a'))
    expect(appendDocument('# only words', doc('a'))).toBe(`# only words\n${doc('a')}`)
    expect(appendDocument(doc('a').trimEnd(), `---\n# b\n${doc('b')}`)).toBe(`${doc('a')}---\n# b\n${doc('b')}`)
  })
})

describe('suspending', () => {
  test.each<[string, string, string]>([
    ['a block mapping', doc('a'), doc('a').replace('  x: 1', '  suspend: true\n  x: 1')],
    ['a field that is there', doc('a', '  suspend: false # for now\n'), doc('a', '  suspend: true # for now\n')],
    ['an empty field', doc('a', '  suspend:\n'), doc('a', '  suspend: true\n')],
    [
      'a flow mapping',
      'kind: Source\nmetadata: { name: a }\nspec: { x: 1 }',
      'kind: Source\nmetadata: { name: a }\nspec: { suspend: true, x: 1 }',
    ],
    [
      'an empty mapping',
      'kind: Source\nmetadata: { name: a }\nspec: {}',
      'kind: Source\nmetadata: { name: a }\nspec: { suspend: true }',
    ],
    [
      'JSON',
      '{"kind":"Source","metadata":{"name":"a"},"spec":{"x":1}}',
      '{"kind":"Source","metadata":{"name":"a"},"spec":{ "suspend": true,"x":1}}',
    ],
  ])('%s', (_, text, expected) => {
    expect(setSuspend(text, a, true)).toBe(expected)
  })

  test('touches one document of several', () => {
    expect(setSuspend(file, c, true)).toBe(
      file.replace(doc('c'), doc('c').replace('  x: 1', '  suspend: true\n  x: 1')),
    )
  })

  test('a spec that is an alias is left to people', () => {
    const text = 'kind: Source\nmetadata: { name: a }\nother: &x { y: 1 }\nspec: *x\n'
    expect(() => setSuspend(text, a, true)).toThrow(expect.objectContaining({ code: 'request_invalid' }))
  })
})
