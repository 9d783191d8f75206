import { setTimeout as delay } from 'node:timers/promises'
import { cut, type Fault, type HttpGitServer, hang } from '../origin/git/http-server.ts'

export type Outage = 'down' | 'hang' | 'cut' | 'error' | 'half'

export const outages: readonly Outage[] = ['down', 'hang', 'cut', 'error', 'half']

const error: Fault = (_request, response) => {
  response.writeHead(500).end()
  return true
}

/** Makes the server fail in this way from now on. */
export async function begin(server: HttpGitServer, outage: Outage): Promise<void> {
  await end(server)
  if (outage === 'down') await server.down()
  else if (outage === 'half') server.cutAfter = 200
  else server.fault = { hang, cut, error }[outage]
}

/** The server answers again; what waits for an answer is told that there is none. */
export async function end(server: HttpGitServer): Promise<void> {
  await server.down()
  server.fault = undefined
  server.cutAfter = undefined
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await server.up()
    } catch (failure) {
      // Meanwhile a connection of somebody else may have had the port.
      if (attempt === 50) throw failure
      await delay(100)
    }
  }
}
