import { avroValidator } from './avro.ts'
import { jsonSchemaValidator } from './json-schema.ts'
import { protobufValidator } from './protobuf.ts'

/** Every way to validate messages that there is; importing the registry loads no vendor library. */
export const validators = {
  jsonSchema: jsonSchemaValidator,
  avro: avroValidator,
  protobuf: protobufValidator,
} as const
