// `npm start`: the small API of this example and `hermes serve` on its manifests, with everything kept in .hermes.
// The service runs in this process, so that signals, logs and the exit code are its own.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readConfig } from '../../src/config.ts'
import { announce, banner } from './announce.ts'
import { isListening, makeToken, portIn, startApi } from './start-api.ts'

process.chdir(fileURLToPath(new URL('../../', import.meta.url)))
const manifests = 'examples/quickstart/manifests'
const connection = join(manifests, 'connection.yaml')
const config = readConfig({ manifests }, process.env, process.cwd())

function refuse(what: string, fix: string): void {
  console.error(`${what}\nFix: ${fix}`)
  process.exitCode = 1
}

async function start(): Promise<void> {
  if (await isListening(config.socketPath)) {
    return refuse(
      `The quickstart already runs here (${config.socketPath}).`,
      'look at it with `npx hermes-status`, or stop it with Ctrl-C where it runs and start again.',
    )
  }
  const port = portIn(connection)
  const api = await startApi(port, makeToken(config.secretsDir))
  if (api === undefined) {
    return refuse(`Port ${port} is taken by another program.`, `write another port into the url of ${connection}.`)
  }
  process.env.HERMES_LOG_LEVEL ??= 'warn'
  console.log(banner(config, api))
  void announce(config.socketPath)
  process.argv = [process.execPath, 'hermes', 'serve', '--manifests', manifests]
  await import('../../src/main.ts')
}

await start()
