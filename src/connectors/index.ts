import { memoryBuffer } from './buffers/memory.ts'
import { httpConnectionSchema } from './http-connection-config.ts'
import { tableSink } from './sinks/table.ts'
import { fileSource } from './sources/file.ts'
import { httpSource } from './sources/http.ts'

/** Every source type there is; importing the registry loads no vendor library. */
export const sources = { http: httpSource, file: fileSource } as const

export const buffers = { memory: memoryBuffer } as const

export const sinks = { table: tableSink } as const

/** The schemas of what a Connection can be, by its key. */
export const connectionSchemas = { http: httpConnectionSchema } as const
