import type { FromSchema } from 'json-schema-to-ts'
import { avroBinaryDecoder } from './avro-binary.ts'
import { avroJsonDecoder } from './avro-json.ts'
import { avroShape } from './avro-schema.ts'
import { faultsOf, opened } from './schema-text.ts'
import { decodingStep } from './validating-step.ts'
import type { ValidatorConnector } from './validator.ts'

const config = {
  type: 'object',
  description:
    'Messages are Avro: one datum each, without a header. They are decoded: what follows sees plain values, unions ' +
    'without the names of their branches, integers of 64 bits and decimals with all their digits, bytes and fixed as ' +
    'base64, dates and times as the numbers they are. A message that the schema does not fit is a failure with the field.',
  additionalProperties: false,
  'x-one-of': ['schema', 'file'],
  properties: {
    schema: { type: ['object', 'array', 'string'], description: 'The schema itself, or its JSON as text.' },
    file: {
      type: 'string',
      minLength: 1,
      'x-path': true,
      description: 'An .avsc file with the schema, relative to the manifests directory.',
    },
    encoding: { enum: ['binary', 'json'], default: 'binary', description: 'How messages are encoded.' },
  },
} as const

export type AvroConfig = FromSchema<typeof config>

/** Validates and decodes messages in Avro. */
export const avroValidator: ValidatorConnector<AvroConfig> = {
  type: 'avro',
  summary: 'Messages in Avro, binary or JSON.',
  config,
  check: (place) => faultsOf(place, () => avroShape(place)),
  open: async (place) => {
    const shape = await opened(() => avroShape(place))
    if (place.encoding === 'json') {
      const decode = avroJsonDecoder(shape)
      return decodingStep((batch, index) => decode(batch.value(index)))
    }
    const decode = avroBinaryDecoder(shape)
    return decodingStep((batch, index) => decode(batch.bytes(index)))
  },
}
