import { describe, expect, it } from 'vitest'
import type { Output } from '../../src/cli/environment.ts'
import { openLog } from '../../src/cli/log.ts'

function output(isTerminal: boolean): Output & { text(): string } {
  let text = ''
  return {
    write: (more) => {
      text += more
    },
    isTerminal,
    columns: 80,
    colours: isTerminal,
    text: () => text,
  }
}

describe('the log', () => {
  it('is JSON in a pipe, a line each, of the level asked for and above', async () => {
    const pipe = output(false)
    const log = await openLog({ level: 'info', format: 'auto', output: pipe })
    log.debug({ a: 1 }, 'not shown')
    log.child({ source: 'prices' }).warn({ rows: 3 }, 'fetched')
    expect(JSON.parse(pipe.text())).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      source: 'prices',
      rows: 3,
      msg: 'fetched',
    })
  })

  it('is for people on a terminal, and as asked for everywhere', async () => {
    const terminal = output(true)
    const log = await openLog({ level: 'info', format: 'auto', output: terminal })
    log.info({ rows: 3 }, 'fetched')
    expect(terminal.text()).toMatch(/INFO.*fetched.*rows/)
    const json = output(true)
    const other = await openLog({ level: 'info', format: 'json', output: json })
    other.info({}, 'fetched')
    expect(JSON.parse(json.text())).toMatchObject({ msg: 'fetched' })
  })

  it.each(['json', 'pretty'] as const)('shows no secret, in %s and in children made before', async (format) => {
    const pipe = output(false)
    const log = await openLog({ level: 'info', format, output: pipe })
    const child = log.child({ url: 'https://x/?key=hunter22' })
    log.maskWith((text) => text.replaceAll('hunter22', '***'))
    child.info({ error: 'refused hunter22', nested: { token: 'hunter22' } }, 'fetch failed')
    expect(pipe.text()).toContain('refused ***')
    expect(pipe.text()).not.toContain('hunter22')
  })
})
