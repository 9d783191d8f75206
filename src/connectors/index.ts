import { fileBuffer } from './buffers/file.ts'
import { memoryBuffer } from './buffers/memory.ts'
import { httpConnectionSchema } from './http-connection-config.ts'
import { workflowTableSink } from './sinks/workflow-table.ts'
import { fileSource } from './sources/file.ts'
import { httpSource } from './sources/http.ts'
import { webhookSource } from './sources/webhook.ts'
import { websocketSource } from './sources/websocket.ts'

export { steps } from './steps/index.ts'
export { validators } from './validators/index.ts'

/** Every type of source that is fetched; importing the registry loads no vendor library. */
export const sources = { http: httpSource, file: fileSource } as const

/** Every type of source that a workflow follows. */
export const streamSources = { websocket: websocketSource, webhook: webhookSource } as const

export const buffers = { memory: memoryBuffer, file: fileBuffer } as const

export const sinks = { table: workflowTableSink } as const

/** The schemas of what a Connection can be, by its key. */
export const connectionSchemas = { http: httpConnectionSchema } as const
