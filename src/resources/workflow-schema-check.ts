import { validators } from '../connectors/index.ts'
import type { ValidatorConnector } from '../connectors/validators/validator.ts'
import { errorTable } from '../errors.ts'
import type { Manifest, Problem } from '../manifest/manifest.ts'
import { pathText } from '../manifest/path.ts'
import type { WorkflowSpec } from './workflow-spec.ts'
import { chosenFrom, type Registry, withAbsolutePaths } from './workflow-stage.ts'
import { workflowView } from './workflow-view.ts'

/**
 * What is wrong with the schema that messages of a workflow are validated by; a file with one is relative to `root`. Nothing
 * is wrong with manifests of other kinds.
 */
export async function checkMessageSchema(manifest: Manifest, root: string): Promise<readonly Problem[]> {
  const { validate } = manifest.kind === 'Workflow' ? workflowView(manifest as Manifest<WorkflowSpec>) : {}
  if (validate === undefined) return []
  const connector = chosenFrom(validators as unknown as Registry<ValidatorConnector<unknown>>, validate)
  const faults = await connector.check(withAbsolutePaths(validate.config, connector.config, root))
  return faults.map(({ field, path: within = [], message }) => {
    // What is in a file of its own has no place in the manifest but the file's name.
    const path = pathText(['spec', 'validate', validate.type, field, ...(field === 'schema' ? within : [])])
    const { fix } = errorTable.invalid_value
    return { code: 'invalid_value', message: `${path}: ${message}`, at: manifest.locate(path), path, fix }
  })
}
