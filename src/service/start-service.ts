import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import { HermesError } from '../errors.ts'
import { tcpGuard } from './guard.ts'
import { hookReceiver } from './hooks/receive.ts'
import { buildServer, type ServiceParts } from './server.ts'
import { claimSocket } from './unix-socket.ts'

export type { Hooks } from './hooks/receive.ts'
export type { ServiceLog, ServiceParts } from './server.ts'

/** A service that listens. */
export interface Service extends AsyncDisposable {
  /** Where it listens on TCP, the port chosen where 0 was asked for; absent without `--http`. */
  readonly http?: { readonly host: string; readonly port: number }
  /** Stops accepting, ends what streams, lets the rest finish for at most `graceMs`. Twice is once. */
  close(graceMs?: number): Promise<void>
}

const GRACE_MS = 5_000

/**
 * Listens on the unix socket, and on TCP when `http` is set. Throws `service_running` when another service holds the
 * socket and `setting_invalid` when the address cannot be used; then nothing listens.
 */
export async function startService(
  config: Pick<Config, 'socketPath' | 'http' | 'token' | 'readToken'>,
  parts: ServiceParts,
): Promise<Service> {
  await using opening = new AsyncDisposableStack()
  const stopping = new AbortController()
  const { hooks, clock } = parts
  const common = {
    stopping: stopping.signal,
    ...(hooks === undefined ? {} : { receiveHook: hookReceiver(hooks, clock, stopping.signal) }),
  }
  const onSocket = await build(opening, parts, common)
  const claimed = await claimSocket(config.socketPath, async (path) => {
    await onSocket.listen({ path })
  })
  opening.defer(() => claimed.release())
  const onTcp = config.http === undefined ? undefined : await listenTcp(config.http)
  const running = opening.move()

  async function listenTcp(http: { host: string; port: number }) {
    const server = await build(opening, parts, { ...common, guard: tcpGuard(http, config) })
    await server.listen(http).catch((error: Error) => {
      throw new HermesError('setting_invalid', `--http ${http.host}:${http.port} cannot be used: ${error.message}`)
    })
    return server
  }
  let closing: Promise<void> | undefined
  const close = (graceMs = GRACE_MS) => {
    closing ??= closeAll(stopping, running, [onSocket, ...(onTcp === undefined ? [] : [onTcp])], graceMs)
    return closing
  }
  const address = onTcp?.server.address() as AddressInfo | undefined
  return {
    ...(address === undefined ? {} : { http: { host: config.http?.host ?? address.address, port: address.port } }),
    close,
    [Symbol.asyncDispose]: () => close(),
  }
}

async function build(
  opening: AsyncDisposableStack,
  parts: ServiceParts,
  listener: Parameters<typeof buildServer>[1],
): Promise<FastifyInstance> {
  const server = buildServer(parts, listener)
  opening.defer(() => server.close())
  await server.ready()
  return server
}

async function closeAll(
  stopping: AbortController,
  running: AsyncDisposableStack,
  servers: readonly FastifyInstance[],
  graceMs: number,
): Promise<void> {
  stopping.abort(new HermesError('service_stopping', 'the service is stopping'))
  const cut = setTimeout(() => {
    for (const { server } of servers) server.closeAllConnections()
  }, graceMs)
  // Closing ends the connections that are idle then; one that gets its answer afterwards becomes idle later.
  const idle = setInterval(() => {
    for (const { server } of servers) server.closeIdleConnections()
  }, 50)
  try {
    await running.disposeAsync()
  } finally {
    clearTimeout(cut)
    clearInterval(idle)
  }
}
