/** Several things that one line stands for; mostly a single one. */
export type Alike<T> = readonly [T, ...T[]]

const foldAbove = 5

/** Things in their order, those with one key together where there are more than five of them, at the first's place. */
export function foldAlike<T>(items: readonly T[], keyOf: (item: T) => string): readonly Alike<T>[] {
  const groups = [...Map.groupBy(items, keyOf).values()]
  const lines = groups.flatMap(([first, ...others]): Alike<T>[] => {
    if (first === undefined) return []
    return others.length >= foldAbove ? [[first, ...others]] : [first, ...others].map((each) => [each])
  })
  const places = new Map(items.map((item, index) => [item, index]))
  return lines.toSorted(([one], [other]) => (places.get(one) ?? 0) - (places.get(other) ?? 0))
}
