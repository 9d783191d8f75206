import { fileTooLarge, maxFileBytes } from '../../manifest/decode.ts'
import type { Problem } from '../../manifest/manifest.ts'
import type { GitRepository } from './repository.ts'

/** What a file holds, or why that is not looked at. */
export type Content = { readonly bytes: Uint8Array } | { readonly tooLarge: (file: string) => Problem }

/** So much is in memory at once. */
const MOST_BYTES = 16 * 1024 * 1024

/** The contents of files that are in the clone, some at a time; one that it lacks is not among them. */
export async function* contentsOf(
  repository: Pick<GitRepository, 'sizes' | 'blobs'>,
  oids: ReadonlySet<string>,
  signal: AbortSignal,
): AsyncGenerator<ReadonlyMap<string, Content>, void> {
  const sizes = [...(await repository.sizes([...oids], signal))]
  const large = sizes.filter(([, size]) => size > maxFileBytes)
  yield new Map(large.map(([oid, size]) => [oid, { tooLarge: (file) => fileTooLarge(file, size) }]))
  for (const some of portions(sizes.filter(([, size]) => size <= maxFileBytes))) {
    const blobs = await repository.blobs(some, signal)
    yield new Map(blobs.flatMap(({ oid, bytes }) => (bytes === undefined ? [] : [[oid, { bytes }] as const])))
  }
}

function* portions(sizes: readonly (readonly [string, number])[]): Generator<readonly string[], void> {
  let portion: string[] = []
  let bytes = 0
  for (const [oid, size] of sizes) {
    portion.push(oid)
    bytes += size
    if (bytes < MOST_BYTES) continue
    yield portion
    portion = []
    bytes = 0
  }
  if (portion.length > 0) yield portion
}
