import type { FromSchema } from 'json-schema-to-ts'
import { protobufDecoder } from './protobuf-binary.ts'
import { protobufMessage } from './protobuf-schema.ts'
import { faultsOf, opened } from './schema-text.ts'
import { decodingStep } from './validating-step.ts'
import type { ValidatorConnector } from './validator.ts'

const config = {
  type: 'object',
  description:
    'Messages are Protobuf in its binary encoding, one for each payload. They are decoded: what follows sees fields by ' +
    'their names in the .proto text, integers of 64 bits with all their digits, enums by name, bytes as base64; fields ' +
    'that cannot be absent have their defaults. A message that the schema does not fit is a failure with the field: ' +
    'one that is cut off, a wire type that is not that of the field, text that is not UTF-8, a required field that is ' +
    'missing. Fields that the schema does not know are left out. Nothing has to be compiled or installed.',
  additionalProperties: false,
  'x-one-of': ['schema', 'file'],
  required: ['message'],
  properties: {
    schema: { type: 'string', minLength: 1, description: 'The .proto text itself; it may import google/protobuf/….' },
    file: {
      type: 'string',
      minLength: 1,
      'x-path': true,
      description:
        'A .proto file, relative to the manifests directory; what it imports lies beside it. Other directories are named in the import.',
    },
    message: { type: 'string', minLength: 1, description: 'Name of the message, with its package: market.v1.Quote.' },
  },
} as const

export type ProtobufConfig = FromSchema<typeof config>

/** Validates and decodes messages in Protobuf. */
export const protobufValidator: ValidatorConnector<ProtobufConfig> = {
  type: 'protobuf',
  summary: 'Messages in Protobuf, by .proto text.',
  config,
  check: (place) => faultsOf(place, () => protobufMessage(place, place.message)),
  open: async (place) => {
    const decode = protobufDecoder(await opened(() => protobufMessage(place, place.message)))
    return decodingStep((batch, index) => decode(batch.bytes(index)))
  },
}
