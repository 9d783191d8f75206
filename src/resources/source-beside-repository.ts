import { HermesError } from '../errors.ts'
import type { Source } from '../stream/source.ts'

export interface BesideRepository {
  /** What relative paths start from. */
  readonly root: string
  /** The paths as they are given in the manifest. */
  readonly relative: readonly string[]
}

/** A source of relative paths, declared in a repository: of a file that is missing it says where that is looked for. */
export function besideRepository(source: Source, place: BesideRepository): Source {
  return {
    read: async function* (from, stop, signal) {
      try {
        yield* source.read(from, stop, signal)
      } catch (error) {
        throw explained(error, place)
      }
    },
    ping: (signal) => source.ping(signal).catch((error: unknown) => Promise.reject(explained(error, place))),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  }
}

function explained(error: unknown, { root, relative }: BesideRepository): unknown {
  if (!(error instanceof HermesError) || error.code !== 'file_source_missing') return error
  const what = `${relative.join(', ')} starts from ${root} on this machine, and no data is read from the repository`
  const fix = 'Put the data there, give an absolute path, or run Hermes in a checkout of the repository.'
  return new HermesError(error.code, `${error.message}: ${what}`, { fix, cause: error })
}
