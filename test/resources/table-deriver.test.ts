import { expect, it } from 'vitest'
import type { Manifest } from '../../src/manifest/manifest.ts'
import { manifestReader } from '../../src/manifest/read.ts'
import { kinds } from '../../src/resources/kinds.ts'
import { tableDeriver, withTables } from '../../src/resources/table-spec.ts'
import { Random } from '../random.ts'

const read = manifestReader(kinds)

function source(name: string, table: string, column: string): Manifest {
  const spec = `{ file: { path: a.csv }, table: { name: ${table}, primaryKey: [id], columns: { id: bigint, ${column}: text } } }`
  const text = `apiVersion: hermes/v1\nkind: SourceDefinition\nmetadata: { name: ${name} }\nspec: ${spec}\n`
  const [manifest] = read(text, `${name}.yaml`).manifests
  if (manifest === undefined) throw new Error('no manifest')
  return manifest
}

it('gives what is given without a memory, whatever it was asked before', () => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const random = new Random(seed)
    const derive = tableDeriver()
    const any = (name: string) => source(name, `t${random.between(0, 3)}`, `c${random.between(0, 2)}`)
    let manifests: readonly Manifest[] = Array.from({ length: 6 }, (_, index) => any(`s${index}`))
    for (let step = 0; step < 20; step += 1) {
      const derived = derive(manifests)
      const plain = withTables(manifests)
      expect(
        derived.map(({ key }) => key),
        `seed ${seed}, step ${step}`,
      ).toEqual(plain.map(({ key }) => key))
      expect(derived.map(({ hash }) => hash)).toEqual(plain.map(({ hash }) => hash))
      const at = random.between(0, manifests.length - 1)
      const chance = random.next()
      if (chance < 0.7) manifests = manifests.with(at, any(manifests[at]?.name ?? ''))
      else if (chance < 0.8 && manifests.length > 1) manifests = manifests.toSpliced(at, 1)
      else if (chance < 0.9) manifests = [...manifests, any(`n${step}`)]
    }
  }
})

it('what did not change is the same as before', () => {
  const derive = tableDeriver()
  const manifests = [source('a', 't', 'x'), source('b', 'u', 'x'), source('c', 't', 'y')]
  const [first, second] = [derive(manifests), derive(manifests.with(0, source('a', 't', 'z')))]
  expect(second.map((each, index) => each === first[index])).toEqual([false, true, true, false, true])
})
