import type { Location } from './errors.ts'

/** Files whose first line may be meant; of a directory or a repository it is the whole. */
const hasLines = /\.(?:ya?ml|json|csv)$/i

/** `prices.yaml:12`, with the column when it matters; of a directory or a repository the path or address alone. */
export function placeOf({ file, line, column }: Location, withColumn = false): string {
  if (line === 1 && column === 1 && !hasLines.test(file)) return file
  return withColumn ? `${file}:${line}:${column}` : `${file}:${line}`
}

/** Whether a place is the address of a repository, and so below no directory. */
export function isAddress(file: string): boolean {
  return file.includes('://') || /^[\w.-]+@[\w.-]+:/.test(file)
}
