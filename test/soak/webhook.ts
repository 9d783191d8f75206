import { createHmac } from 'node:crypto'
import { request } from 'node:http'

export const WEBHOOK_SECRET = 'soak-webhook-secret'

/** Has a Git host tell the service of a push. Resolves whatever becomes of it: a host does not mind either. */
export function tellOfPush(socketPath: string, pushed: { readonly url: string; readonly ref: string }): Promise<void> {
  const body = JSON.stringify({ repository: pushed.url, ref: pushed.ref })
  const signature = createHmac('sha256', WEBHOOK_SECRET).update(body).digest('hex')
  const headers = { 'content-type': 'application/json', 'x-hermes-signature': `sha256=${signature}` }
  return new Promise((done) => {
    const call = request({ socketPath, path: '/hooks/git', method: 'POST', headers, timeout: 5_000 }, (response) => {
      response.resume().on('close', () => done())
    })
    call.on('timeout', () => call.destroy())
    call.on('error', () => done())
    call.end(body)
  })
}
