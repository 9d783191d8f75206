import { expect, it } from 'vitest'
import { sharedText } from '../src/shared-text.ts'

it('answers with an equal text, whatever and however much it is asked', () => {
  const shared = sharedText()
  for (const text of ['', 'bigint', 'x'.repeat(1_000), 'naïve 🙂']) expect(shared(text)).toBe(text)
  for (let index = 0; index < 20_000; index += 1) expect(shared(`text ${index % 7_000}`)).toBe(`text ${index % 7_000}`)
})
