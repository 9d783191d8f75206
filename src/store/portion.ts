import type { Row } from './database.ts'
import type { Kinds } from './infer.ts'
import type { RecordPlan } from './record-plan.ts'
import { type KeyPlace, requireKeys } from './unique-rows.ts'

/** Part of what goes into a table; asked again when the table has changed meanwhile. */
export interface Portion {
  /** Rows for a table of this shape; undefined when it has to change first, unless `final`. */
  rows(plan: RecordPlan, key: readonly KeyPlace[], final: boolean): readonly Row[] | undefined
  /** The kinds of values in every field that is not declared; undefined when nothing is left that needs a table. */
  survey(plan: RecordPlan): ReadonlyMap<string, Kinds> | undefined
}

/**
 * A page of a run; `first` is the number of its first record in the run, from 1. Throws `record_not_object`,
 * `value_mismatch` and `key_missing` for the first record that has no place.
 */
export function pagePortion(records: readonly unknown[], first: number): Portion {
  return {
    rows: (plan, key, final) => {
      const rows = plan.rows(records, first, final)
      if (rows !== undefined) requireKeys(rows, key, first)
      return rows
    },
    survey: (plan) => plan.survey(records, first),
  }
}
