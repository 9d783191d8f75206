import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { GitAnswer, GitCall } from './git-command.ts'

/** Every fetch leaves a pack; more than these become one. */
const MOST_PACKS = 100

type Check = (call: Omit<GitCall, 'signal'>) => Promise<GitAnswer>

/**
 * Puts what the refs still need into one pack, and drops the rest. `git gc` does not: of packs that came from a server
 * which could send the rest again it drops nothing, ever.
 */
export async function tidy(dir: string, check: Check): Promise<void> {
  const packs = join(dir, 'objects', 'pack')
  const before = await readdir(packs)
  if (before.filter((name) => name.endsWith('.pack')).length <= MOST_PACKS) return
  const needed = await neededObjects(check)
  const args = ['pack-objects', '--quiet', '--window=0', join(packs, 'pack')]
  const id = (await check({ args, stdin: needed.join('\n') })).stdout.toString('latin1').trim()
  // The mark says that what the pack refers to and does not hold is no loss.
  await writeFile(join(packs, `pack-${id}.promisor`), '')
  const old = before.filter((name) => name.startsWith('pack-') && !name.startsWith(`pack-${id}.`))
  for (const name of old) await rm(join(packs, name), { force: true })
  await forgetShallow(dir, new Set(needed))
}

/** All that a ref leads to, as far as it is there. Git itself would look for each absent one in every pack. */
async function neededObjects(check: Check): Promise<readonly string[]> {
  const lines = async (...args: readonly string[]): Promise<readonly string[]> =>
    (await check({ args })).stdout.toString('latin1').split('\n')
  const present = new Set(await lines('cat-file', '--batch-all-objects', '--unordered', '--batch-check=%(objectname)'))
  const needed = new Set(await lines('rev-list', '--objects', '--no-object-names', '--filter=blob:none', ours))
  for (const commit of new Set(await lines('rev-parse', ours))) {
    if (commit === '') continue
    for (const oid of await lines('ls-tree', '-r', '--object-only', commit)) needed.add(oid)
  }
  return [...needed].filter((oid) => oid !== '' && present.has(oid))
}

const ours = '--glob=refs/hermes'

/** One line a commit that came without its parents. */
async function forgetShallow(dir: string, needed: ReadonlySet<string>): Promise<void> {
  const path = join(dir, 'shallow')
  const lines = (await readFile(path, 'latin1')).split('\n').filter((line) => needed.has(line))
  await writeFile(`${path}.tidy`, lines.map((line) => `${line}\n`).join(''))
  await rename(`${path}.tidy`, path)
}
