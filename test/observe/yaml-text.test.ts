import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { yamlText } from '../../src/observe/yaml-text.ts'

describe('status as YAML', () => {
  it('is block style, with quotes only where they are needed', () => {
    const status = {
      kind: 'SourceDefinition',
      message: undefined,
      conditions: [{ type: 'Ready', status: 'yes', reason: 'a: b' }, [], {}],
      source: { rows: 5, cursor: '2024-02-29', lastError: null, note: 'two words' },
    }
    expect(yamlText(status)).toBe(`kind: SourceDefinition
conditions:
  - type: Ready
    status: "yes"
    reason: "a: b"
  - []
  - {}
source:
  rows: 5
  cursor: "2024-02-29"
  lastError: null
  note: two words
`)
  })

  it.each(['1.2', '1.1'] as const)('reads back as it was, whatever it holds, as YAML %s', (version) => {
    const word = fc.constantFrom(
      'true',
      'NO',
      'null',
      '~',
      '1e3',
      '0x1f',
      '12:30',
      '- a',
      'a #b',
      '2024-01-01',
      'E0',
      'e-5',
      '<<',
      '=',
    )
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), word)
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        text,
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        tie('list'),
        tie('map'),
      ),
      list: fc.array(tie('value'), { maxLength: 4 }),
      map: fc.dictionary(
        text.filter((name) => name !== '__proto__'),
        tie('value'),
        { maxKeys: 4 },
      ),
    }))
    const status = fc.dictionary(fc.stringMatching(/^[a-z]+$/), value, { maxKeys: 5 })
    fc.assert(
      fc.property(status, (each) => {
        expect(parse(yamlText(each), { version, merge: false }) ?? {}).toEqual({ ...each })
      }),
      { numRuns: 500 },
    )
  })
})
