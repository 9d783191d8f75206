import { resolve } from 'node:path'
import { HermesError } from '../errors.ts'
import type { Positions } from '../resources/position-keeper.ts'
import type { PipelineOptions, PositionStore } from './options.ts'
import { openStateFile } from './state-file.ts'

/** Where a pipeline's position may be kept; more than one at a time would not agree. */
export interface PositionsParts {
  readonly options: Pick<PipelineOptions, 'state' | 'positions' | 'database'>
  readonly name: string
  /** The type of its source. */
  readonly source: string
  readonly root: string
  /** Those of the database, where there is one. */
  readonly kept: Positions | undefined
}

/** Opens the place of the position: in memory unless another one is named. Throws `usage` for two. */
export async function openPositions(parts: PositionsParts): Promise<Positions & Disposable> {
  const { options, name, source, root, kept } = parts
  const { state, positions, database } = options
  const given = Object.entries({ state, positions, database }).filter(([, value]) => value !== undefined)
  if (given.length > 1) {
    const names = given.map(([each]) => each).join(' and ')
    throw new HermesError('usage', `${names} each keep the position: give one of them`)
  }
  if (kept !== undefined) return { ...methods(kept), [Symbol.dispose]: () => undefined }
  if (state === undefined) return over(name, positions ?? inMemory())
  const file = await openStateFile(resolve(root, state), source)
  return { ...over(name, file), [Symbol.dispose]: () => file[Symbol.dispose]() }
}

function methods(positions: Positions): Positions {
  return { read: () => positions.read(), save: (all, signal) => positions.save(all, signal) }
}

function over(name: string, store: PositionStore): Positions & Disposable {
  return {
    read: async () => {
      const position = await store.load()
      return position === undefined || position === null ? new Map() : new Map([[name, position]])
    },
    save: async (all) => {
      if (all.has(name)) await store.save(all.get(name))
    },
    [Symbol.dispose]: () => undefined,
  }
}

/** For starts again within the process. */
function inMemory(): PositionStore {
  let kept: unknown
  return {
    load: () => kept,
    save: (position) => {
      kept = position
    },
  }
}
