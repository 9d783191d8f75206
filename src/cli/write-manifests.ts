import type { Api, WriteResult } from '../service/api.ts'
import { placesRoot } from './place-text.ts'
import { print } from './print.ts'
import { noteWithoutService, withApi } from './reach.ts'
import type { Invocation } from './verb.ts'
import { writtenText } from './written-text.ts'

/** Has the service, or this process, change manifest files, and prints what was written where. */
export async function writeManifests(
  { environment, options, config }: Invocation,
  write: (api: Api) => Promise<readonly WriteResult[]>,
): Promise<void> {
  const settings = config()
  await withApi({ config: settings, environment }, async (reach) => {
    const results = await write(reach.api)
    const root = placesRoot(settings, environment.cwd)
    await print(environment.stdout, options.output, results, () => writtenText(results, root))
    if (results.some(({ action }) => action !== 'unchanged')) noteWithoutService(environment, reach)
  })
}
