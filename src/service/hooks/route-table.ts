import { HermesError } from '../../errors.ts'
import type { InboundRoute, InboundRoutes } from '../../inbound-routes.ts'

/** What answers at a path: a route; nothing just now, in a room that is known; or nothing at all. */
export type Found = InboundRoute | 'idle' | undefined

/** Who answers below `/hooks/`, while the service runs. */
export interface RouteTable {
  /**
   * The room of a workflow, `/hooks/NAME`, from when it is known until it is disposed, whether the workflow runs or
   * not: a sender is told to come again instead of that there is nothing. Throws `connector_refused` for a name that is
   * taken.
   */
  room(name: string): InboundRoutes & Disposable
  /** What answers at a path below `/hooks/`, decoded. */
  find(path: string): Found
}

/** `/hooks/git` belongs to the Git hosts. */
const reserved = 'git'

export function openRouteTable(): RouteTable {
  const rooms = new Map<string, Map<string, InboundRoute>>()
  return {
    room: (name) => {
      if (name === reserved || rooms.has(name)) throw taken(name)
      const routes = new Map<string, InboundRoute>()
      rooms.set(name, routes)
      return {
        add: (path, route) => add(routes, path, route, name),
        [Symbol.dispose]: () => {
          if (rooms.get(name) === routes) rooms.delete(name)
        },
      }
    },
    find: (path) => {
      const end = path.indexOf('/')
      const routes = rooms.get(end < 0 ? path : path.slice(0, end))
      if (routes === undefined) return undefined
      return routes.get(end < 0 ? '' : path.slice(end + 1)) ?? 'idle'
    },
  }
}

function add(routes: Map<string, InboundRoute>, path: string, route: InboundRoute, name: string): Disposable {
  if (routes.has(path)) throw taken(path === '' ? name : `${name}/${path}`)
  routes.set(path, route)
  return {
    [Symbol.dispose]: () => {
      if (routes.get(path) === route) routes.delete(path)
    },
  }
}

function taken(path: string): HermesError {
  return new HermesError('connector_refused', `something else answers at /hooks/${path}`, {
    fix: 'Give the workflow another name, or its webhook another path.',
  })
}
