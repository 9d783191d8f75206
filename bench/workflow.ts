import { createReadStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { runScript } from './child.ts'
import { atLeast, type Figure, interleave, median, perSecond, ratio } from './measure.ts'
import { workspace } from './workspace.ts'

const DROPPED = 30_000_000
const LINES = 500_000
const ROUNDS = 3
const side = 'bench/workflow-side.ts'

interface Taken {
  readonly messages: number
  readonly seconds: number
}

/** Lines of some 300 bytes. */
function writeLines(path: string): void {
  const lines = Array.from({ length: LINES }, (_, id) => {
    const start = `{"id":${id},"price":${(id % 977) / 8},"symbol":"BTCUSDT","note":"`
    return `${start}${'x'.repeat(298 - start.length)}"}\n`
  })
  writeFileSync(path, lines.join(''))
}

async function countLines(path: string): Promise<number> {
  let count = 0
  for await (const _ of createInterface({ input: createReadStream(path) })) count += 1
  return count
}

async function dropped(): Promise<number> {
  const { messages, seconds } = await runScript<Taken>(side, ['drop', '', '', String(DROPPED)])
  if (messages !== DROPPED) throw new Error(`${messages} messages of ${DROPPED}`)
  return messages / seconds
}

/** What is made and dropped, and lines of JSON from file to file through a filter and an assignment, against a bare loop. */
export async function workflowBench(): Promise<Figure[]> {
  using folder = workspace()
  const input = join(folder.path, 'in.jsonl')
  writeLines(input)
  let outputs = 0
  const toFile = async (script: string, args: readonly string[]): Promise<number> => {
    const output = join(folder.path, `out-${(outputs += 1)}.jsonl`)
    const { seconds } = await runScript<Taken>(script, [...args, input, output])
    const arrived = await countLines(output)
    if (arrived !== (LINES * 9) / 10) throw new Error(`${arrived} lines of ${(LINES * 9) / 10}`)
    return seconds
  }
  const { a, b } = await interleave(
    ROUNDS,
    () => toFile(side, ['file']),
    () => toFile('bench/floor/lines.ts', []),
  )
  const speeds: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) speeds.push(await dropped())
  const what = `JSON lines file → filter, set → file, share of a bare loop (${perSecond(LINES / median(a))}, loop ${perSecond(LINES / median(b))})`
  return [
    atLeast('generate → drop, 300 B, messages a second', median(speeds), 3_000_000, perSecond),
    atLeast(what, median(b) / median(a), 0.5, ratio),
  ]
}
