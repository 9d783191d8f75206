import { setImmediate as breathe } from 'node:timers/promises'
import type { Config } from './config.ts'
import { HermesError, toHermesError } from './errors.ts'
import type { Problem } from './manifest/manifest.ts'
import { type DirectoryOriginOptions, directoryOrigin } from './origin/directory.ts'
import { findTests } from './origin/find-tests.ts'
import { type ReadyTest, readTests } from './read-tests.ts'
import { clauseOf, judge } from './resources/workflow-test-judge.ts'
import { inputOf } from './resources/workflow-test-messages.ts'
import { openTestBench, type TestBench } from './resources/workflow-test-run.ts'
import { standardTime } from './resources/workflow-test-spec.ts'
import type { TestChoice, TestProgress, TestReport } from './service/api.ts'
import type { CaseReport } from './test-report.ts'

export interface LocalTestParts extends Pick<DirectoryOriginOptions, 'read' | 'clock' | 'log'> {
  readonly config: Pick<Config, 'manifestsDir'>
}

/** See `Hermes.test`. */
export async function testWorkflows(
  parts: LocalTestParts,
  choice: TestChoice,
  signal: AbortSignal,
  onProgress: (progress: TestProgress) => void = () => undefined,
): Promise<TestReport> {
  const { config, ...reading } = parts
  await using origin = directoryOrigin({ root: config.manifestsDir, ...reading })
  const snapshot = await origin.read(signal)
  const paths = choice.paths.length === 0 ? [config.manifestsDir] : choice.paths
  const files = [...new Set((await Promise.all(paths.map((path) => findTests(path)))).flat())]
  if (files.length === 0) throw noTests(`no file below ${paths.join(' or ')} is named *.test.yaml`)
  const { tests, problems } = await readTests(files, choice.root, snapshot)
  const chosen = chosenCases(tests, choice.pattern)
  if (chosen.length === 0 && problems.length === 0) throw noTests(`no case is called ${choice.pattern ?? ''}`)
  const benches = new Benches(config.manifestsDir)
  const cases: CaseReport[] = []
  const broken: Problem[] = []
  for (const [done, each] of chosen.entries()) {
    onProgress({ done, total: chosen.length })
    await breathe(undefined, { signal })
    const ran = await runCase(each, benches, signal)
    if ('passed' in ran) cases.push(ran)
    else broken.push(ran)
  }
  return { files: files.length, cases, problems: [...problems, ...distinct(broken)] }
}

function noTests(message: string): HermesError {
  return new HermesError('not_found', message, {
    fix: 'Name files or directories of tests, or see `hermes test --help`.',
  })
}

interface ChosenCase {
  readonly test: ReadyTest
  readonly index: number
}

/** Those whose `test/case` has the pattern in it, in any case of letters; `*` stands for anything. */
function chosenCases(tests: readonly ReadyTest[], pattern: string | undefined): readonly ChosenCase[] {
  const escaped = (pattern ?? '').replaceAll(/[\\^$.+?()[\]{}|/-]/g, '\\$&').replaceAll('*', '.*')
  const wanted = new RegExp(escaped, 'isu')
  return tests.flatMap((test) =>
    test.manifest.spec.cases.flatMap(({ name }, index) =>
      wanted.test(`${test.manifest.name}/${name}`) ? [{ test, index }] : [],
    ),
  )
}

/** Opened once for each workflow. */
class Benches {
  readonly #root: string
  readonly #open = new Map<ReadyTest['workflow'], Promise<TestBench>>()

  constructor(root: string) {
    this.#root = root
  }

  of(workflow: ReadyTest['workflow']): Promise<TestBench> {
    const bench = this.#open.get(workflow) ?? openTestBench(workflow, this.#root)
    this.#open.set(workflow, bench)
    return bench
  }
}

/** What keeps a case from being run is a problem. */
async function runCase(
  { test, index }: ChosenCase,
  benches: Benches,
  signal: AbortSignal,
): Promise<CaseReport | Problem> {
  const { manifest, workflow, file } = test
  const judged = { test: manifest, index, file }
  const { name, input, at = standardTime } = clauseOf(judged)
  const path = `spec.cases[${index}].input`
  const began = performance.now()
  try {
    const bench = await openOrExplain(test, benches)
    const messages = await inputOf(input, { path, file, locate: (each) => manifest.locate(each) })
    const outcome = await bench.run(messages, Date.parse(at), signal)
    const failures = await judge(judged, outcome)
    return {
      test: manifest.name,
      workflow: workflow.name,
      name,
      at: manifest.locate(`spec.cases[${index}]`),
      passed: failures.length === 0,
      ms: Math.round(performance.now() - began),
      failures,
    }
  } catch (thrown) {
    signal.throwIfAborted()
    const { code, message, at: place = manifest.locate(`spec.cases[${index}]`), fix } = toHermesError(thrown)
    return { code, message, at: place, fix }
  }
}

async function openOrExplain({ manifest, workflow }: ReadyTest, benches: Benches): Promise<TestBench> {
  try {
    return await benches.of(workflow)
  } catch (thrown) {
    const { code, message, fix } = toHermesError(thrown)
    const why = `the workflow ${workflow.name} cannot run: ${message}`
    throw new HermesError(code, why, { at: manifest.locate('spec.workflow'), fix, cause: thrown })
  }
}

/** What keeps a workflow from running is said once, and not for each case. */
function distinct(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map((each) => [JSON.stringify([each.at, each.message]), each])).values()]
}
