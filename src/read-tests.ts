import { isAbsolute, relative, sep } from 'node:path'
import { fileTooLarge } from './manifest/decode.ts'
import type { Manifest, Problem } from './manifest/manifest.ts'
import { problem } from './manifest/problem.ts'
import { manifestReader } from './manifest/read.ts'
import { didYouMean } from './manifest/suggest.ts'
import { readContent, readProblem } from './origin/file-entry.ts'
import type { Snapshot } from './origin/origin.ts'
import type { WorkflowSpec } from './resources/workflow-spec.ts'
import { type WorkflowTestSpec, workflowTestKind } from './resources/workflow-test-spec.ts'
import { workflowView } from './resources/workflow-view.ts'

/** A WorkflowTest that reads well, with the workflow that it is about. */
export interface ReadyTest {
  readonly manifest: Manifest<WorkflowTestSpec>
  readonly workflow: Manifest<WorkflowSpec>
  /** Absolute. */
  readonly file: string
}

/** What files of tests hold, and all that is wrong in them; a test with a problem is not among those that are ready. */
export interface ReadTests {
  readonly tests: readonly ReadyTest[]
  readonly problems: readonly Problem[]
}

/** Reads files of tests, absolute; places are relative to `root`. */
export async function readTests(
  files: readonly string[],
  root: string,
  { manifests, problems: others }: Pick<Snapshot, 'manifests' | 'problems'>,
): Promise<ReadTests> {
  const workflows = new Map(
    manifests.flatMap((each) =>
      each.kind === 'Workflow' ? [[each.name, each as Manifest<WorkflowSpec>] as const] : [],
    ),
  )
  const read = manifestReader([workflowTestKind], { keepsDigits: true })
  const tests: ReadyTest[] = []
  const problems: Problem[] = []
  for (const file of files) {
    const found = await readOne(file, nameOf(file, root), read)
    problems.push(...found.problems)
    for (const manifest of found.manifests as readonly Manifest<WorkflowTestSpec>[]) {
      const workflow = workflows.get(manifest.spec.workflow)
      const faults =
        workflow === undefined ? [unknownWorkflow(manifest, workflows, others)] : unknownNames(manifest, workflow)
      problems.push(...faults)
      if (workflow !== undefined && faults.length === 0) tests.push({ manifest, workflow, file })
    }
  }
  return { tests, problems }
}

/** Relative to the root where it is below it, with forward slashes. */
function nameOf(file: string, root: string): string {
  const near = relative(root, file)
  return near.startsWith('..') || isAbsolute(near) ? file : near.split(sep).join('/')
}

async function readOne(file: string, name: string, read: ReturnType<typeof manifestReader>) {
  try {
    const content = await readContent(file)
    const size = content === undefined ? 0 : Number(content.stat.size)
    if (content?.bytes === undefined) return { manifests: [], problems: [fileTooLarge(name, size)] }
    const { manifests, problems } = read(content.bytes, name)
    return { manifests, problems: problems.map(otherKind) }
  } catch (error) {
    return { manifests: [], problems: [readProblem(name, error)] }
  }
}

function otherKind(found: Problem): Problem {
  if (found.code !== 'unknown_kind') return found
  return { ...found, fix: 'Write `kind: WorkflowTest`; other kinds belong into a file that is not named *.test.yaml.' }
}

function unknownWorkflow(
  test: Manifest<WorkflowTestSpec>,
  workflows: ReadonlyMap<string, unknown>,
  others: readonly Problem[],
): Problem {
  const path = 'spec.workflow'
  const { workflow } = test.spec
  const message = `${path}: there is no workflow ${workflow}${didYouMean(workflow, workflows.keys())}`
  const fix =
    others.length === 0
      ? 'Name a Workflow of the manifests, and these with --manifests.'
      : 'See `hermes validate`: it may stand in a file with problems.'
  return problem('missing_reference', message, test.locate(path), { path, fix })
}

/** Sinks that the workflow does not have, and stages where nothing can fail. */
function unknownNames(test: Manifest<WorkflowTestSpec>, workflow: Manifest<WorkflowSpec>): readonly Problem[] {
  const view = workflowView(workflow)
  const sinks = view.sinks.map(({ name }) => name)
  const hasLabels = view.key !== undefined || view.idempotencyKey !== undefined
  const stages = [
    ...(view.validate === undefined ? [] : ['validate']),
    ...(hasLabels ? ['delivery'] : []),
    ...view.steps.map(({ type }, index) => `steps[${index}].${type}`),
  ]
  const unknown = (what: string, name: string, known: readonly string[], path: string): Problem => {
    const message = `${path}: the workflow ${workflow.name} has no ${what} ${name}${didYouMean(name, known)}`
    const fix = known.length === 0 ? 'Remove it.' : `Use one of ${known.join(', ')}.`
    return problem('missing_reference', message, test.locate(path), { path, fix })
  }
  return test.spec.cases.flatMap(({ expect }, index) => {
    const above = `spec.cases[${index}].expect`
    const named = Object.keys(expect.sinks ?? {}).filter((name) => !sinks.includes(name))
    const letters = Array.isArray(expect.deadLetters) ? (expect.deadLetters as readonly { stage?: string }[]) : []
    return [
      ...named.map((name) => unknown('sink', name, sinks, `${above}.sinks.${name}`)),
      ...letters.flatMap(({ stage }, place) =>
        stage === undefined || stages.includes(stage)
          ? []
          : [unknown('stage', stage, stages, `${above}.deadLetters[${place}].stage`)],
      ),
    ]
  })
}
