import { pipeline } from 'hermes'

await using flow = await pipeline({
  source: { file: { path: 'orders.jsonl', follow: false } },
  steps: [{ filter: 'message.amount > 100' }, { set: { currency: '"EUR"' } }],
  sinks: [{ file: { path: 'large.jsonl' } }],
})
await flow.finished
console.log(flow.stats.sinks)
