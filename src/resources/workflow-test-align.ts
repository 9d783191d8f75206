/** Places in what is expected and in what came; one of them is undefined for what has no counterpart. */
export interface Aligned {
  readonly expected: number | undefined
  readonly actual: number | undefined
  /** Both are there, and are the same. */
  readonly isSame: boolean
}

/** Two lists, by their lengths and whether two of their items are the same. */
export interface Sequences {
  readonly expected: number
  readonly actual: number
  readonly isSame: (expected: number, actual: number) => boolean
}

/** Beyond so many comparisons, items are compared place by place. */
const MOST_COMPARISONS = 40_000

/**
 * Both lists side by side, in order: what is the same stands next to each other as often as possible, and what is left
 * between is taken for changed, one by one; only the rest is missing or too much.
 */
export function align(sequences: Sequences): readonly Aligned[] {
  const { expected, actual, isSame } = sequences
  let start = 0
  while (start < expected && start < actual && isSame(start, start)) start += 1
  let end = 0
  const most = Math.min(expected, actual) - start
  while (end < most && isSame(expected - 1 - end, actual - 1 - end)) end += 1
  const [rows, columns] = [expected - start - end, actual - start - end]
  const inner =
    rows * columns > MOST_COMPARISONS
      ? []
      : longest(rows, columns, (row, column) => isSame(start + row, start + column)).map(
          ([row, column]) => [start + row, start + column] as const,
        )
  const pairs = [
    ...Array.from({ length: start }, (_, index) => [index, index] as const),
    ...inner,
    ...Array.from({ length: end }, (_, index) => [expected - end + index, actual - end + index] as const),
  ]
  return withGaps(pairs, sequences)
}

/** What stands in the one before a pair stands beside what stands there in the other. */
function withGaps(pairs: readonly (readonly [number, number])[], sequences: Sequences): readonly Aligned[] {
  const { expected, actual, isSame } = sequences
  const aligned: Aligned[] = []
  let [row, column] = [0, 0]
  for (const [nextRow, nextColumn] of [...pairs, [expected, actual] as const]) {
    while (row < nextRow || column < nextColumn) {
      const [hasRow, hasColumn] = [row < nextRow, column < nextColumn]
      aligned.push({
        expected: hasRow ? row : undefined,
        actual: hasColumn ? column : undefined,
        isSame: hasRow && hasColumn && isSame(row, column),
      })
      if (hasRow) row += 1
      if (hasColumn) column += 1
    }
    if (nextRow < expected && nextColumn < actual) aligned.push({ expected: row++, actual: column++, isSame: true })
  }
  return aligned
}

/** A longest common subsequence. */
function longest(
  rows: number,
  columns: number,
  isSame: (row: number, column: number) => boolean,
): readonly (readonly [number, number])[] {
  const width = columns + 1
  const lengths = new Uint32Array((rows + 1) * width)
  const same = new Uint8Array(rows * columns)
  const lengthAt = (row: number, column: number): number => lengths[row * width + column] ?? 0
  for (let row = rows - 1; row >= 0; row -= 1) {
    for (let column = columns - 1; column >= 0; column -= 1) {
      const matches = isSame(row, column)
      same[row * columns + column] = matches ? 1 : 0
      lengths[row * width + column] = matches
        ? lengthAt(row + 1, column + 1) + 1
        : Math.max(lengthAt(row + 1, column), lengthAt(row, column + 1))
    }
  }
  const pairs: (readonly [number, number])[] = []
  for (let row = 0, column = 0; row < rows && column < columns; ) {
    if (same[row * columns + column] === 1) pairs.push([row++, column++])
    else if (lengthAt(row + 1, column) >= lengthAt(row, column + 1)) row += 1
    else column += 1
  }
  return pairs
}
