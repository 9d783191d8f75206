import { posix } from 'node:path'
import { HermesError } from '../../errors.ts'
import { separateDocuments } from '../../manifest/edit.ts'
import { type Key, keyOf, type Manifest } from '../../manifest/manifest.ts'
import { declarationsOf, editable } from '../declarations.ts'
import { baseName, type ManifestFiles } from '../manifest-files.ts'

export interface ManifestsInGitOptions {
  /** Of the repository, without credentials. */
  readonly address: string
  /** Where manifests are in it; empty for all of it. */
  readonly path: string
  readonly current: () => Promise<readonly Manifest[]>
}

/**
 * Manifests that are changed by commits of people alone: every write is refused with the file to edit, by
 * `manifests_in_git`, `not_found`, or `generated` for what a list makes.
 */
export function manifestsInGit(options: ManifestsInGitOptions): ManifestFiles {
  return {
    add: async (text) => {
      const [first] = separateDocuments(text)
      if (first === undefined) throw new HermesError('request_invalid', 'the text holds no manifest')
      const file = posix.join(options.path, `${baseName(first)}.yaml`)
      throw refused(options, `${keyOf(first)} is added by a new file, such as ${file}`)
    },
    update: async (text) => {
      const [first] = separateDocuments(text)
      if (first === undefined) throw new HermesError('request_invalid', 'the text holds no manifest')
      throw await whereItIs(options, keyOf(first))
    },
    delete: async (key) => {
      throw await whereItIs(options, key)
    },
    suspend: async (key) => {
      throw await whereItIs(options, key)
    },
  }
}

async function whereItIs(options: ManifestsInGitOptions, key: Key): Promise<HermesError> {
  const { at } = editable(declarationsOf(await options.current()), key)
  return refused(options, `${key} is declared in ${posix.join(options.path, at.file)}:${at.line}`, { at })
}

function refused({ address }: ManifestsInGitOptions, what: string, { at }: Partial<Manifest> = {}): HermesError {
  return new HermesError('manifests_in_git', `manifests are in ${address}: ${what}`, at === undefined ? {} : { at })
}
