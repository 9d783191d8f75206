import { describe, expect, it } from 'vitest'
import { commitState } from '../../src/observe/commit-state.ts'
import type { StatusReport } from '../../src/observe/status.ts'
import { pending, problem, report, success } from './reports.ts'

describe('the state of a commit', () => {
  it.each([
    ['success', '2 ready', success],
    ['success', '0 ready', report([])],
    ['success', '1 ready, 1 suspended', report(['ready', 'suspended'])],
    ['pending', '2 resources, not all ready yet', pending],
    ['pending', '1 resource, not all ready yet, 1 retrying (SourceDefinition/s0)', report(['retrying'])],
    ['pending', '1 resource, not all ready yet, 1 waiting (SourceDefinition/s0)', report(['waiting'])],
    ['failure', '1 stalled (SourceDefinition/s1)', report(['progressing', 'stalled'])],
    ['failure', '2 blocked (SourceDefinition/s0)', report(['blocked', 'blocked', 'ready'])],
    ['failure', '1 problem (unknown_field at a.yaml:3)', report(['ready'], [problem('a.yaml')])],
    [
      'failure',
      '1 blocked (SourceDefinition/s1), 1 stalled (SourceDefinition/s0), 2 problems (unknown_field at a.yaml:3)',
      report(['stalled', 'blocked', 'suspended'], [problem('a.yaml'), problem('b.yaml')]),
    ],
  ] as [string, string, StatusReport][])('is %s: %s', (state, description, given) => {
    expect(commitState(given)).toEqual({ state, description })
  })

  it('has a description that every host takes, cut between characters', () => {
    const { description } = commitState(report([], [problem(`${'🪣'.repeat(200)}.yaml`)]))
    expect(Array.from(description)).toHaveLength(140)
    expect([description.endsWith('🪣…'), description.isWellFormed()]).toEqual([true, true])
  })

  it('does not change with each resource that gets ready', () => {
    expect(commitState(report(['ready', 'ready', 'progressing']))).toEqual(
      commitState(report(['ready', 'progressing', 'progressing'])),
    )
  })
})
