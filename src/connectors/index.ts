import { fileBuffer } from './buffers/file.ts'
import { jetstreamBuffer } from './buffers/jetstream.ts'
import { memoryBuffer } from './buffers/memory.ts'
import { overflowBuffer } from './buffers/overflow.ts'
import { databaseConnectionSchema } from './database-connection-config.ts'
import { httpConnectionSchema } from './http-connection-config.ts'
import { dropSink } from './sinks/drop.ts'
import { fileSink } from './sinks/file.ts'
import { httpSink } from './sinks/http.ts'
import { natsSink } from './sinks/nats.ts'
import { redisSink } from './sinks/redis.ts'
import { socketSink } from './sinks/socket.ts'
import { stdoutSink } from './sinks/stdout.ts'
import { workflowSink } from './sinks/workflow.ts'
import { workflowTableSink } from './sinks/workflow-table.ts'
import { deadLetterSource } from './sources/dead-letter.ts'
import { fileSource } from './sources/file.ts'
import { followFileSource } from './sources/follow-file.ts'
import { generateSource } from './sources/generate.ts'
import { httpSource } from './sources/http.ts'
import { natsSource } from './sources/nats.ts'
import { postgresSource } from './sources/postgres.ts'
import { redisSource } from './sources/redis.ts'
import { stdinSource } from './sources/stdin.ts'
import { webhookSource } from './sources/webhook.ts'
import { websocketSource } from './sources/websocket.ts'
import { workflowSource } from './sources/workflow.ts'

export { steps } from './steps/index.ts'
export { validators } from './validators/index.ts'

/** Every type of source that is fetched; importing the registry loads no vendor library. */
export const sources = { http: httpSource, file: fileSource } as const

/** Every type of source that a workflow follows. */
export const streamSources = {
  generate: generateSource,
  file: followFileSource,
  stdin: stdinSource,
  websocket: websocketSource,
  webhook: webhookSource,
  redis: redisSource,
  nats: natsSource,
  dead_letter: deadLetterSource,
  workflow: workflowSource,
  postgres: postgresSource,
} as const

export const buffers = {
  memory: memoryBuffer,
  overflow: overflowBuffer,
  file: fileBuffer,
  jetstream: jetstreamBuffer,
} as const

export const sinks = {
  table: workflowTableSink,
  file: fileSink,
  http: httpSink,
  redis: redisSink,
  nats: natsSink,
  workflow: workflowSink,
  socket: socketSink,
  stdout: stdoutSink,
  drop: dropSink,
} as const

/** The schemas of what a Connection can be, by its key. */
export const connectionSchemas = { http: httpConnectionSchema, database: databaseConnectionSchema } as const
