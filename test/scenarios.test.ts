import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'vitest'
import { parseScenario, runScenario, scenarioFiles } from './scenario.ts'
import { eachDatabase } from './store/databases.ts'

const files = await scenarioFiles()

eachDatabase('scenario', ({ home }) => {
  test.each(files)('%s', async (file) => {
    const scenario = parseScenario(await readFile(join(import.meta.dirname, 'scenarios', file), 'utf8'))
    await using database = await home()
    await runScenario(scenario, database)
  })
})
