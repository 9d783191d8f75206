import { join } from 'node:path'
import { createFile } from '../atomic-write.ts'
import { HermesError } from '../errors.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { codeOf } from './file-entry.ts'
import { listFinder } from './find-lists.ts'
import type { FilesAtHand, ManifestPlace } from './manifest-place.ts'
import { deleteFile, openFile, saveFile } from './open-file.ts'

export interface DirectoryPlaceOptions {
  readonly root: string
  /** The manifests as they stand in the files at this moment. */
  readonly current: () => Promise<readonly Manifest[]>
}

/** Manifests in a directory: each file changes at once. */
export function directoryPlace({ root, current }: DirectoryPlaceOptions): ManifestPlace {
  return {
    change: async (change) => {
      try {
        return await change.run(filesIn(root, await current()))
      } catch (error) {
        throw writeError(error)
      }
    },
  }
}

function filesIn(root: string, manifests: readonly Manifest[]): FilesAtHand {
  return {
    manifests,
    findLists: listFinder(root, 0),
    open: async (file) => {
      const opened = await openFile(root, file)
      return {
        file,
        text: opened.text,
        save: (text) => saveFile(opened, text),
        delete: () => deleteFile(opened),
      }
    },
    create: (file, text) => createFile(join(root, file), text),
  }
}

function writeError(error: unknown): HermesError {
  if (error instanceof HermesError) return error
  const reason = codeOf(error) ?? (error instanceof Error ? error.message : String(error))
  return new HermesError('file_unwritable', `the manifests could not be written: ${reason}`, { cause: error })
}
