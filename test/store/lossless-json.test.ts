import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { isRawNumber, parseLossless, rawNumber } from '../../src/lossless-json.ts'

test.each([
  '12345678901234567890',
  '9007199254740993',
  '-9223372036854775809',
  '0.1234567890123456789',
  '1e400',
  '-1E-400',
  '1152921504606846976',
  '100.00000000000000000001',
])('%s keeps its digits', (text) => {
  const value = parseLossless(text)
  expect(isRawNumber(value)).toBe(true)
  expect(JSON.stringify({ value })).toBe(`{"value":${text}}`)
})

test.each([
  ['0', 0],
  ['-0', -0],
  ['1.50', 1.5],
  ['1e5', 100_000],
  ['1.0E+2', 100],
  ['0.30000000000000004', 0.30000000000000004],
  ['9007199254740992', 9_007_199_254_740_992],
  ['1.7976931348623157e308', Number.MAX_VALUE],
  ['5e-324', 5e-324],
  ['0.00', 0],
])('%s is a number', (text, value) => {
  expect(parseLossless(text)).toBe(value)
})

test('digits within strings and keys are no numbers', () => {
  const text = '{"12345678901234567890":"98765432109876543210","a":" 1e5, 12345678901234567890 ","b":[1,2.5]}'
  expect(parseLossless(text)).toStrictEqual(JSON.parse(text))
})

test('bytes are UTF-8, with or without a byte order mark', () => {
  const bytes = new TextEncoder().encode('\uFEFF{"name":"Zürich","id":12345678901234567890}')
  expect(JSON.stringify(parseLossless(bytes))).toBe('{"name":"Zürich","id":12345678901234567890}')
})

test('a key named __proto__ is a field like any other', () => {
  const value = parseLossless('{"__proto__":{"x":1},"n":12345678901234567890}')
  expect(Object.keys(value as object)).toStrictEqual(['__proto__', 'n'])
})

test.each(['', '{', '[1,]', '01', '1e', 'NaN', '{"a":1}}', '12345678901234567890 x'])(
  '%j is a syntax error',
  (text) => {
    expect(() => parseLossless(text)).toThrow(SyntaxError)
  },
)

test('absurd nesting throws and does not take the process along', () => {
  const deep = `${'['.repeat(200_000)}12345678901234567890${']'.repeat(200_000)}`
  expect(() => JSON.stringify(parseLossless(deep))).toThrow(RangeError)
})

test('what was printed from exact numbers reads back the same', () => {
  const digits = fc.stringMatching(/^-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?$/)
  const json = fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, digits.map(rawNumber), fc.string(), tie('list'), tie('map')),
    list: fc.array(tie('value')),
    map: fc.dictionary(fc.string(), tie('value')),
  })).value
  fc.assert(
    fc.property(json, (value) => {
      const text = JSON.stringify(value)
      const again = JSON.stringify(parseLossless(text))
      expect(JSON.stringify(parseLossless(again))).toBe(again)
      expect(normalised(again)).toBe(normalised(text))
    }),
  )
})

/** The text with every number outside of strings written as digits and a power of ten. */
function normalised(json: string): string {
  return json.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) =>
    token.startsWith('"') ? token : scientific(token),
  )
}

function scientific(number: string): string {
  const [, sign = '', whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? []
  const units = BigInt(whole + fraction)
  if (units === 0n) return '0'
  const digits = String(units).replace(/0+$/, '')
  return `${sign}${digits}e${Number(power) - fraction.length + String(units).length - digits.length}`
}
