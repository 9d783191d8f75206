import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSource } from './opened.ts'
import { sourceContract } from './source-contract.ts'

sourceContract('file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hermes-file-'))
  const expected = Array.from({ length: 3_500 }, (_, id) => ({ id, name: `n${id}` }))
  const lines = (from: number, to: number) =>
    expected
      .slice(from, to)
      .map((record) => JSON.stringify(record))
      .join('\n')
  await writeFile(join(directory, 'a.jsonl'), lines(0, 1_700))
  await writeFile(
    join(directory, 'b.csv'),
    `id,name\n${expected
      .slice(1_700, 3_499)
      .map(({ id, name }) => `${id},${name}`)
      .join('\n')}\n`,
  )
  await writeFile(join(directory, 'c.json'), JSON.stringify(expected.slice(3_499)))
  return {
    expected,
    open: () => openSource('file', { path: join(directory, '*') }),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  }
})
