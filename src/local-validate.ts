import { stat } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { HermesError } from './errors.ts'
import type { Manifest, Problem } from './manifest/manifest.ts'
import type { OriginSecrets } from './manifest/origin-secrets.ts'
import type { ReadManifests } from './manifest/read.ts'
import { isTestFile } from './manifest/test-file.ts'
import { directoryOrigin } from './origin/directory.ts'
import { findTests } from './origin/find-tests.ts'
import type { Origin, Snapshot } from './origin/origin.ts'
import { withSecrets } from './origin/with-secrets.ts'
import { readTests } from './read-tests.ts'
import { kinds } from './resources/kinds.ts'
import { checkMessageSchema } from './resources/workflow-schema-check.ts'
import type { ValidateReport } from './service/api.ts'
import type { Log } from './stream/connector.ts'

export interface LocalValidateParts {
  readonly config: Pick<Config, 'git' | 'manifestsDir'>
  readonly origin: Origin
  readonly read: ReadManifests
  readonly secrets: OriginSecrets
  readonly clock: Clock
  readonly log: Log
}

/** See `Hermes.validate`. Tests are looked at where the manifests are files. */
export async function localValidate(parts: LocalValidateParts, given: string | undefined): Promise<ValidateReport> {
  const { config, origin, read, secrets, clock, log } = parts
  const { signal } = new AbortController()
  if (given === undefined && config.git !== undefined) return reportOf(await origin.read(signal))
  const path = resolve(given ?? config.manifestsDir)
  const found = await stat(path).catch(() => undefined)
  if (found === undefined)
    throw new HermesError('not_found', `${given ?? path} does not exist`, {
      fix: 'Name a file or a directory of manifests.',
    })
  const isFile = found.isFile()
  const root = isFile ? rootOf(path, config.manifestsDir) : path
  await using from = directoryOrigin({ root, read, clock, log })
  const snapshot = await withSecrets(from, secrets, clock).read(signal)
  // What cannot be listed is a problem of the snapshot already.
  const tests = isFile && !isTestFile(path) ? [] : await findTests(path).catch(() => [])
  const ofTests = (await readTests(tests, root, snapshot)).problems
  const inside = ({ at, manifest }: { at: { file: string }; manifest?: string }): boolean =>
    !isFile || join(root, manifest ?? at.file) === path
  const manifests = snapshot.manifests.filter(inside)
  const report = reportOf({
    manifests,
    problems: snapshot.problems.filter(inside),
    secrets: (snapshot.secrets ?? []).filter(({ file }) => inside({ at: { file } })),
    empty: snapshot.empty?.filter((file) => inside({ at: { file } })) ?? [],
  })
  const ofSchemas = (await Promise.all(manifests.map((each) => checkMessageSchema(each, root)))).flat()
  const problems = [...report.problems, ...ofSchemas, ...ofTests]
  return { ...report, files: report.files + tests.length, problems }
}

/** A file among the manifests may name lists anywhere below them. */
function rootOf(path: string, manifestsDir: string): string {
  return relative(manifestsDir, path).startsWith('..') ? dirname(path) : manifestsDir
}

type Found = Pick<Snapshot, 'manifests' | 'problems' | 'secrets' | 'empty'>

function reportOf({ manifests, problems, secrets = [], empty = [] }: Found): ValidateReport {
  const files = new Set([
    ...manifests.map(({ at }) => at.file),
    ...problems.map(({ at, manifest }) => manifest ?? at.file),
    ...secrets.map(({ file }) => file),
    ...empty,
  ])
  return { files: files.size, manifests: manifests.length, problems, warnings: warningsOf(manifests) }
}

function warningsOf(manifests: readonly Manifest[]): readonly Problem[] {
  const definitions = new Map(kinds.map((definition) => [definition.kind, definition]))
  return manifests.flatMap((manifest) => definitions.get(manifest.kind)?.warnings?.(manifest) ?? [])
}
