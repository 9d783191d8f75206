import { request } from 'node:http'
import type { StatusReport } from '../src/observe/status.ts'

/** What a service says on its socket, without a process of its own for the question; undefined while it does not answer. */
export function reportAt(socketPath: string): Promise<StatusReport | undefined> {
  return new Promise((done) => {
    const call = request({ socketPath, path: '/api/v1/status', timeout: 5_000 }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => done(response.statusCode === 200 ? (JSON.parse(text) as StatusReport) : undefined))
      response.on('error', () => done(undefined))
    })
    call.on('timeout', () => call.destroy())
    call.on('error', () => done(undefined))
    call.end()
  })
}
