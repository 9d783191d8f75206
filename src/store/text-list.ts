import type { Database } from './database.ts'

/** A list of texts as one parameter, and the table of its values: `SELECT l.value FROM … AS l`. */
export interface TextList {
  from(parameter: number): string
  value(texts: readonly string[]): string
}

const postgres: TextList = {
  from: (parameter) => `(SELECT unnest($${parameter}::text[]) AS value)`,
  value: (texts) => `{${texts.map((each) => `"${each.replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`,
}

const sqlite: TextList = {
  from: (parameter) => `(SELECT value FROM json_each(?${parameter}))`,
  value: (texts) => JSON.stringify(texts),
}

export function textList(dialect: Database['dialect']): TextList {
  return dialect === 'sqlite' ? sqlite : postgres
}
