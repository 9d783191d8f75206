// The floor of file-buffer: each batch put together, written and synced, one after the other; nothing else.
import { open } from 'node:fs/promises'
import { peakRss } from '../child.ts'
import { payloads } from '../payloads.ts'

const [path = '', batches = ''] = process.argv.slice(2)
const messages = payloads()
await using file = await open(path, 'w')
const started = performance.now()
for (let batch = 0; batch < Number(batches); batch += 1) {
  await file.write(Buffer.concat(messages))
  await file.datasync()
}
console.log(JSON.stringify({ seconds: (performance.now() - started) / 1000, peakRss: peakRss('self') }))
