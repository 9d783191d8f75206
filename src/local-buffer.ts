import type { BufferReport, BufferWatch } from './buffer-report.ts'
import type { Config } from './config.ts'
import { inspectBuffer, verifyBuffer } from './connectors/buffers/file-inspect.ts'
import { HermesError } from './errors.ts'
import type { Manifest } from './manifest/manifest.ts'
import { didYouMean } from './manifest/suggest.ts'
import type { Origin } from './origin/origin.ts'
import type { WorkflowSpec } from './resources/workflow-spec.ts'
import { bufferDir, workflowView } from './resources/workflow-view.ts'
import type { BufferChoice } from './service/api.ts'

export interface LocalBufferParts {
  readonly config: Pick<Config, 'dataDir'>
  readonly origin: Origin
}

/** See `Hermes.buffer`. The manifests are read only to say why there is nothing to look at. */
export async function lookIntoBuffer(
  parts: LocalBufferParts,
  which: BufferChoice,
  verify: boolean,
  watch: BufferWatch,
): Promise<BufferReport> {
  const dir = 'dir' in which ? which.dir : bufferDir(parts.config.dataDir, which.workflow)
  try {
    return await (verify ? verifyBuffer : inspectBuffer)(dir, watch)
  } catch (error) {
    const isAbsent = error instanceof HermesError && error.code === 'buffer_absent'
    throw isAbsent && 'workflow' in which ? await whyAbsent(parts, which.workflow, dir) : error
  }
}

async function whyAbsent({ origin }: LocalBufferParts, name: string, dir: string): Promise<HermesError> {
  const workflows = await workflowsOf(origin)
  const workflow = workflows?.find((each) => each.name === name)
  const type = workflow === undefined ? 'file' : workflowView(workflow).buffer.type
  if (workflows !== undefined && workflow === undefined) {
    const known = workflows.map((each) => each.name)
    return new HermesError('not_found', `there is no workflow ${name}${didYouMean(name, known)}`, {
      fix: 'Name a workflow of the manifests, or the directory of a buffer with --dir.',
    })
  }
  if (type === 'file' || type === 'overflow') {
    return new HermesError('buffer_absent', `${dir} holds no buffer of ${name}`, {
      fix: 'It is made when the workflow first runs; if it has run, name the data directory of its service with --data-dir.',
    })
  }
  return new HermesError('buffer_absent', `the buffer of ${name} is ${type}, which keeps nothing in files here`, {
    fix: '`hermes-status` tells how much waits in it; with `buffer: { file: {} }` it is on disk.',
    ...(workflow === undefined ? {} : { at: workflow.locate('spec.buffer') }),
  })
}

/** Undefined where the manifests cannot be read now. */
async function workflowsOf(origin: Origin): Promise<readonly Manifest<WorkflowSpec>[] | undefined> {
  const snapshot = await origin.read(new AbortController().signal).catch(() => undefined)
  return snapshot?.manifests.filter(({ kind }) => kind === 'Workflow') as readonly Manifest<WorkflowSpec>[] | undefined
}
