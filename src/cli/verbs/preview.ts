import { resolve } from 'node:path'
import { Option } from 'commander'
import type { Preview } from '../../service/api.ts'
import { counted } from '../display.ts'
import type { Output } from '../environment.ts'
import { interruptible } from '../interruptible.ts'
import { outputOption, print } from '../print.ts'
import { withHermes } from '../reach.ts'
import { rowsText } from '../rows-text.ts'
import { formatTable } from '../table.ts'
import type { Verb } from '../verb.ts'

const ROWS = 10

/** `hermes preview FILE [NAME]`: one page, the table it would make and its first rows; nothing is written. */
export const preview: Verb = {
  define: (command) =>
    command
      .argument('<file>', 'a manifest file; its Connection may stand in the manifests directory')
      .argument('[name]', 'the source, where the file has several')
      .addOption(new Option('--rows <n>', 'how many rows to show').default(ROWS).argParser(Number))
      .addOption(outputOption()),
  examples: [
    ['hermes preview quotes.yaml', 'what the source answers, as a table'],
    ['hermes preview sources.yaml quotes', 'one source of several'],
  ],
  run: async ({ args: [file = '', name], environment, options, config }) => {
    const limit = Math.max(1, Math.min(1000, Number(options.rows) || ROWS))
    const found = await withHermes({ config: config(), environment, readOnly: true }, (hermes) =>
      interruptible(environment, (signal) =>
        hermes.preview(resolve(environment.cwd, file), { limit, ...(name === undefined ? {} : { name }) }, signal),
      ),
    )
    await print(environment.stdout, options.output, found, () => previewText(found, environment.stdout))
  },
}

function previewText(found: Preview, output: Output): string {
  const columns = formatTable(
    [{ title: 'COLUMN' }, { title: 'TYPE' }, { title: '' }],
    found.columns.map(({ name, type, inferred }) => [name, type, inferred ? 'inferred' : 'declared']),
    output,
  )
  const records = counted(found.records, 'record', output.isTerminal)
  const head = `${found.name} into ${found.table}: ${records} on the first page; nothing was written\n`
  return `${head}\n${columns}\n${rowsText(found.rows, output)}`
}
