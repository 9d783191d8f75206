import { env } from 'node:process'
import type { Flow, PipelineOptions } from './library/options.ts'

export type { ErrorCode, HermesError } from './errors.ts'
export type {
  Flow,
  PipelineLog,
  PipelineOptions,
  PipelinePhase,
  PipelineStats,
  PositionStore,
  RejectedMessage,
  SinkOption,
  SinkStats,
  SourceOption,
  StepOption,
} from './library/options.ts'
export type {
  Chunk,
  Messages,
  OwnSink,
  OwnSource,
  SinkContext,
  SinkFunction,
  SourceFunction,
  StepFunction,
} from './library/own-code.ts'
export type { Batch, Meta } from './stream/batch.ts'
export type { Rejection } from './stream/sink.ts'

/**
 * Opens a pipeline, from a source through steps and a buffer into sinks, and starts it. It resolves when source and sinks
 * have answered and messages flow.
 *
 * What is wrong with it is thrown as one `HermesError` that names each field (`steps[0].filter: …`), and so is what keeps
 * it from working: a server that cannot be reached, a secret without a value. Nothing is loaded before it is called.
 */
export async function pipeline(options: PipelineOptions): Promise<Flow> {
  const { openPipeline } = await import('./library/open-pipeline.ts')
  return await openPipeline(options, env)
}
