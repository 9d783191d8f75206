// A program with a pipeline, to be killed: says `running` with its first write, and ends when everything is written.
import { setTimeout as delay } from 'node:timers/promises'
import { pipeline } from 'hermes'

const [root = ''] = process.argv.slice(2)
let told = false

await using flow = await pipeline({
  root,
  state: 'state.json',
  source: { file: { path: 'in.jsonl', follow: false } },
  steps: [{ set: { double: 'message.id * 2' } }],
  buffer: { memory: { messages: 200 } },
  sinks: [
    { file: { path: 'out.jsonl' }, batch: { messages: 50 } },
    {
      name: 'pace',
      batch: { messages: 50 },
      code: async () => {
        if (!told) process.stdout.write('running\n')
        told = true
        await delay(20)
      },
    },
  ],
})
await flow.finished
