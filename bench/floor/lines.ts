// The floor of the workflow bench: lines of JSON from a file to a file by hand, filtered and changed, in one loop.
import { createReadStream, createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { finished } from 'node:stream/promises'

interface Line {
  readonly id: number
  readonly price: number
}

const [from = '', to = ''] = process.argv.slice(2)
const started = performance.now()
const output = createWriteStream(to)
let messages = 0
let text = ''
for await (const line of createInterface({ input: createReadStream(from) })) {
  messages += 1
  const value = JSON.parse(line) as Line
  if (value.id % 10 === 0) continue
  text += `${JSON.stringify({ ...value, total: value.price * 2 })}\n`
  if (text.length < 262_144) continue
  if (!output.write(text)) await new Promise<void>((resolve) => output.once('drain', () => resolve()))
  text = ''
}
output.end(text)
await finished(output)
console.log(JSON.stringify({ messages, seconds: (performance.now() - started) / 1_000 }))
