import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Short files that take long. Where no earlier run is remembered the largest come first, and these would be left to the
 * end, each on a processor of its own while the others are idle.
 */
const long = [
  'test/docs/readme.test.ts',
  'test/kill-workflow.test.ts',
  'test/kill.test.ts',
  'test/kill-git.test.ts',
  'test/resources/sink-faults.test.ts',
  'test/connectors/file-kill.test.ts',
  'test/convergence.test.ts',
  'test/scenarios.test.ts',
  'test/docs/examples.test.ts',
  'test/docs/package.test.ts',
  'test/docs/quickstart.test.ts',
  'test/cli/service-flow.test.ts',
  'test/cli/postgres-flow.test.ts',
  'test/cli/dead-letters.test.ts',
  'test/cli/status-branch-ssh.test.ts',
]

const isLong = ({ moduleId }: TestSpecification): boolean => long.some((path) => moduleId.endsWith(`/${path}`))

/** The order of files: those that are known to take long, then as is usual. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- this is no array's
    const usual = await super.sort(files)
    return [...usual.filter(isLong), ...usual.filter((each) => !isLong(each))]
  }
}
