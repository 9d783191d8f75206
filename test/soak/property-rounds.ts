import * as fc from 'fast-check'
import { histories } from '../convergence/edits.ts'
import { walk } from '../convergence/walk.ts'
import { withHome } from '../store/homes.ts'

export interface PropertyFigures {
  readonly histories: number
  readonly seconds: number
}

export interface PropertyOptions {
  readonly dialect: 'sqlite' | 'postgres'
  readonly histories: number
  readonly seed: number
  readonly onHistory?: (count: number) => void
}

/** Random histories of manifests against a fresh database that saw only the last ones; throws with the smallest that differs. */
export async function propertyRounds(options: PropertyOptions): Promise<PropertyFigures> {
  const { dialect, seed, onHistory } = options
  const started = Date.now()
  let count = 0
  const property = fc.asyncProperty(histories(9), async (rounds) => {
    await withHome(dialect, (home) => withHome(dialect, (fresh) => walk(rounds, home, fresh)))
    count += 1
    onHistory?.(count)
  })
  await fc.assert(property, { seed, numRuns: options.histories })
  return { histories: count, seconds: (Date.now() - started) / 1_000 }
}
