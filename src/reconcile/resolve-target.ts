import { editedTarget } from './edited-target.ts'
import type { Target, TargetInput } from './target.ts'
import { wholeTarget } from './whole-target.ts'

/** Works out what a snapshot asks for, from what was edited where that is enough. Changes nothing. */
export async function resolveTarget(input: TargetInput): Promise<Target> {
  return editedTarget(input) ?? (await wholeTarget(input))
}
