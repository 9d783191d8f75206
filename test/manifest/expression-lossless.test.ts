import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseLossless } from '../../src/lossless-json.ts'
import { compileExpression } from '../../src/manifest/expression.ts'
import { compileLossless } from '../../src/manifest/expression-lossless.ts'
import type { Scope } from '../../src/manifest/scope.ts'
import { memoryInUse } from '../memory.ts'

const scope: Scope = { message: 'dyn', meta: { id: 'string', key: 'string' }, now: 'timestamp' }
const json = `{"a": 5, "b": 2.5, "s": "x", "n": null, "list": [1, 2, {"p": 3}], "t": "2026-01-01T00:00:00Z",
  "big": 9007199254740993, "dec": 0.12345678901234567891, "huge": 123456789012345678901234567890,
  "__proto__": {"z": 1}, "o": {"dec": 1.00000000000000000001},
  "cars": [{"constructor": "Ferrari", "points": 5}]}`
const variables = { message: parseLossless(json), meta: { id: 'i' }, now: new Date(1e12) }

function outcome(work: () => unknown): string {
  try {
    return JSON.stringify(work())
  } catch (error) {
    return error instanceof Error ? `! ${error.message}` : '!'
  }
}

const evaluated = (text: string): string => outcome(() => compileLossless(text, scope).evaluate(variables))

describe('an expression over JSON', () => {
  it.each([
    ['message.a + 1', '6'],
    ['message.a / 2', '2'],
    ['double(message.a) / 2.0', '2.5'],
    ['message.a / 2.0', '2.5'],
    ['message.a % 2', '1'],
    ['message.a * 1.5', '7.5'],
    ['message.b * 2 + 0.5', '5.5'],
    ['message.b > message.a', 'false'],
    ['message.a == 5.0', 'true'],
    ['message.list[2].p + 1', '4'],
    ['message.list.exists(each, each == 2)', 'true'],
    ['size(message.list)', '3'],
    ['message.a in [5, 6]', 'true'],
    ['message.n == null', 'true'],
    ['has(message.nothing)', 'false'],
    ['has(message.n)', 'true'],
    ['message["__proto__"].z + 1', '2'],
    ['message.cars.map(car, car.points)', '[5]'],
    ['message.cars[0].constructor + "!"', '"Ferrari!"'],
    ['{"car": message.cars[0]}', '{"car":{"constructor":"Ferrari","points":5}}'],
    ['meta.id + "x"', '"ix"'],
    ['now', '"2001-09-09T01:46:40.000Z"'],
    ['timestamp(message.t) + duration("1h")', '"2026-01-01T01:00:00.000Z"'],
    ['duration("1m")', '60000'],
    ['bytes("x")', '"eA=="'],
    ['{"a": [message.a]}', '{"a":[5]}'],
  ])('%s is %s', (text, expected) => {
    expect(evaluated(text)).toBe(expected)
  })

  it.each([
    ['message.big', '9007199254740993'],
    ['message.big + 1', '9007199254740994'],
    ['message.big == 9007199254740993', 'true'],
    ['message.big == 9007199254740992', 'false'],
    ['message.huge + 1', '123456789012345678901234567891'],
    ['message.dec', '0.12345678901234567891'],
    ['message.dec + 1', '1.12345678901234567891'],
    ['message.dec * 2 - message.dec', '0.12345678901234567891'],
    ['-message.dec', '-0.12345678901234567891'],
    ['message.dec > 0.12345678901234567', 'true'],
    ['message.dec == 0.12345678901234568', 'false'],
    ['message.dec == message.dec', 'true'],
    ['message.a > 3 ? message.dec : message.big', '0.12345678901234567891'],
    ['[message.dec, message.big]', '[0.12345678901234567891,9007199254740993]'],
    ['message.o', '{"dec":1.00000000000000000001}'],
    ['{"copy": message.o}', '{"copy":{"dec":1.00000000000000000001}}'],
    ['string(message.dec)', '"0.12345678901234567891"'],
    ['double(message.dec) / 1.0', '0.12345678901234568'],
    ['int(message.dec * 100)', '12'],
  ])('%s keeps its digits: %s', (text, expected) => {
    expect(evaluated(text)).toBe(expected)
  })

  it.each([
    ['message.nothing', 'no such key: nothing'],
    ['message.nothing.below', 'no such key: nothing'],
    ['message.list[7]', 'index out of bounds, index 7 >= size 3'],
    ['message.constructor', 'no such key: constructor'],
    ['message.s.length', 'no such key: length'],
    ['message.s + 1', 'no such overload'],
    ['message.a / 0', 'division by zero'],
    ['message.b / 0.0', 'Infinity, which JSON cannot hold'],
    ['type(message.a)', 'a type, which JSON cannot hold'],
    ['meta.key', 'no such key: key'],
    ['meta.nothing', 'meta.nothing is not known here'],
  ])('%s is refused: %s', (text, reason) => {
    expect(evaluated(text)).toContain(reason)
  })

  it('is true or false as a condition, and nothing else', () => {
    expect(outcome(() => compileLossless('message.a', scope).test(variables))).toBe(
      '! message.a is neither true nor false',
    )
    expect(compileLossless('message.a == 5', scope).test(variables)).toBe(true)
  })

  it('refuses numbers that would take time without end, and only when they are asked for', () => {
    const hostile = { message: parseLossless(`{"e": 1e999999999, "d": ${'9'.repeat(5000)}, "a": 1}`) }
    const of = (text: string): string => outcome(() => compileLossless(text, scope).evaluate(hostile))
    expect(of('message.e + 1')).toContain('too many digits')
    expect(of('message.d + 1')).toContain('too many digits')
    expect(of('message.a + 1')).toBe('2')
    expect(of('message.e')).toBe('1e999999999')
  })

  it('shortens what it says of a payload', () => {
    const long = { message: { s: 'x'.repeat(10_000) } }
    const said = outcome(() => compileLossless('bool(message.s)', scope).evaluate(long))
    expect(said).toContain('bool(message.s) cannot be evaluated')
    expect(said.length).toBeLessThan(300)
  })

  it('keeps nothing of the shapes that it has seen', async () => {
    let seed = 1
    const shape = (depth: number): unknown => {
      if (depth === 0) return 1
      seed = (seed * 48_271) % 2_147_483_647
      return seed % 2 === 0 ? [shape(depth - 1)] : { a: shape(depth - 1) }
    }
    const expressions = ['message.a == message.b', 'message.a > 1', 'size(message.a) == 1', '1 in message.a']
    const compiled = expressions.map((text) => compileLossless(text, scope))
    const { heapUsed: before } = await memoryInUse()
    for (let round = 0; round < 300; round++) {
      const message = { a: shape(200), b: shape(200) }
      for (const each of compiled) outcome(() => each.evaluate({ message }))
    }
    // A type for each level of each shape would take more than 200 MB.
    expect((await memoryInUse()).heapUsed - before).toBeLessThan(20_000_000)
  })

  it('gives up on what is nested too deep, without taking the process along', () => {
    let deep: unknown = 1
    for (let level = 0; level < 100_000; level++) deep = [deep]
    const said = outcome(() => compileLossless('size(message)', scope).evaluate({ message: deep }))
    expect(said).toContain('nested too deep')
  })
})

describe('the fast way', () => {
  /** Expressions of a type, if the message is what it should be; and now and then of any. */
  const { number, text, bool } = fc.letrec<{ number: string; text: string; bool: string; any: string }>((tie) => {
    const between = (type: 'number' | 'text' | 'bool' | 'any', ...operators: readonly string[]) =>
      fc
        .tuple(tie(type), fc.constantFrom(...operators), tie(type))
        .map(([left, op, right]) => `(${left} ${op} ${right})`)
    const choice = (type: 'number' | 'text' | 'bool') =>
      fc.tuple(tie('bool'), tie(type), tie(type)).map(([asked, yes, no]) => `(${asked} ? ${yes} : ${no})`)
    const usual = { maxDepth: 4, depthSize: 'small' } as const
    return {
      number: fc.oneof(
        usual,
        fc.constantFrom('message.a', 'message.b', 'message.o.x', 'message.l[0]', '1', '0', '2.5', '3.0'),
        between('number', '+', '-', '*', '/', '%'),
        tie('number').map((each) => `-(${each})`),
        choice('number'),
      ),
      text: fc.oneof(
        usual,
        fc.constantFrom('message.s', '"x"', '"xy"', 'meta.id'),
        between('text', '+'),
        choice('text'),
      ),
      bool: fc.oneof(
        usual,
        fc.constantFrom(
          'message.f',
          'true',
          'has(message.a)',
          'has(message.o.x)',
          'has(message.zz.y)',
          'has(meta.key)',
        ),
        between('number', '==', '!=', '<', '<=', '>', '>='),
        between('text', '==', '!=', '<', '>='),
        between('bool', '&&', '||', '=='),
        between('any', '==', '!=', '<', '&&'),
        tie('bool').map((each) => `!(${each})`),
        tie('text').map((each) => `(${each} in ["x", "y"])`),
        tie('any').map((each) => `(${each} in [1, 2.5, -2, 0])`),
        fc.tuple(tie('text'), tie('text')).map(([left, right]) => `(${left}).startsWith(${right})`),
      ),
      any: fc.oneof(
        usual,
        fc.constantFrom('message.n', 'message.zz', 'message', 'null', 'message.l'),
        tie('number'),
        tie('text'),
        tie('bool'),
      ),
    }
  })
  const anything = fc.constantFrom(0, 1.5, 'x', true, null)
  const numbers = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(0.5, -2.5, 1e-7, 9_007_199_254_740_991))
  const usually = <T>(value: fc.Arbitrary<T>) =>
    fc.oneof({ arbitrary: value, weight: 9 }, { arbitrary: anything, weight: 1 })
  const messages = fc.record(
    {
      a: usually(numbers),
      b: usually(numbers),
      s: usually(fc.constantFrom('x', 'xyz', '')),
      f: usually(fc.boolean()),
      n: anything,
      o: usually(fc.record({ x: usually(numbers) })),
      l: usually(fc.array(numbers, { minLength: 1, maxLength: 2 })),
    },
    { requiredKeys: ['a', 'b', 's', 'f'] },
  )
  const expression = fc.oneof(number, text, bool)

  it('gives what CEL gives, and fails where CEL fails', () => {
    fc.assert(
      fc.property(expression, messages, (written, message) => {
        const given = { message, meta: { id: 'x' }, now: new Date(0) }
        let expected: string
        try {
          expected = JSON.stringify(finite(compileExpression(written, scope).evaluate(given)))
        } catch {
          expected = '!'
        }
        expect(outcome(() => compileLossless(written, scope).evaluate(given)).replace(/^!.*/s, '!')).toBe(expected)
      }),
      { numRuns: 5_000 },
    )
  })
})

/** What the other way cannot say. */
function finite(value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error('not JSON')
  return typeof value === 'string' && /^-?\d{16,}$/.test(value) ? parseLossless(value) : value
}
