import type { JsonSchema } from '../../stream/connector.ts'
import type { Step } from '../../stream/step.ts'
import type { FieldPath } from './field-fault.ts'

/** What is wrong with the schema that a validator is configured with. */
export interface SchemaFault {
  /** The field of the config that has it. */
  readonly field: 'schema' | 'file' | 'message'
  /** Where within the schema, where that is known. */
  readonly path?: FieldPath
  readonly message: string
}

/** One way to validate messages: its schema, its documentation and its behaviour in one file. */
export interface ValidatorConnector<Config> {
  readonly type: string
  readonly summary: string
  readonly config: JsonSchema
  /** What is wrong with the config beyond its own schema, before anything runs; a file that cannot be read included. */
  check(config: Config): Promise<readonly SchemaFault[]>
  /**
   * Opens it for one run: a step that fails messages which are not as the schema says, with the field and the rule, and
   * passes the others on, decoded where they came encoded. Throws `invalid_value` for what `check` finds fault with.
   */
  open(config: Config): Promise<Step>
}
