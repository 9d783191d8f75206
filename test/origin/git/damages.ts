import { mkdir, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** What can happen to a clone while nobody looks. */
export interface Damage {
  readonly name: string
  readonly apply: (clone: string) => Promise<void>
}

const garbage = Buffer.from('\0garbage\xff'.repeat(40), 'latin1')

async function packs(clone: string, extension: string): Promise<readonly string[]> {
  const dir = join(clone, 'objects', 'pack')
  return (await readdir(dir)).filter((name) => name.endsWith(extension)).map((name) => join(dir, name))
}

/** All refs of ours, as files. */
async function refs(clone: string): Promise<readonly string[]> {
  const entries = await readdir(join(clone, 'refs', 'hermes'), { withFileTypes: true, recursive: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

const each = (files: readonly string[], work: (file: string) => Promise<void>): Promise<unknown> =>
  Promise.all(files.map(work))

/** A lock file as old as one that a killed process left a while ago. */
async function lock(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, '')
  const then = new Date(Date.now() - 60_000)
  await utimes(path, then, then)
}

/** Those that take something from the clone that it needs. */
export const losses: readonly Damage[] = [
  {
    name: 'no packs',
    apply: async (clone) =>
      void (await each([...(await packs(clone, '.pack')), ...(await packs(clone, '.idx'))], (file) => rm(file))),
  },
  {
    name: 'packs that were cut short',
    apply: async (clone) => void (await each(await packs(clone, '.pack'), (file) => truncate(file, 20))),
  },
  { name: 'garbage in packs', apply: async (clone) => void (await each(await packs(clone, '.pack'), scramble)) },
  { name: 'garbage in indexes', apply: async (clone) => void (await each(await packs(clone, '.idx'), scramble)) },
  { name: 'no objects', apply: (clone) => rm(join(clone, 'objects'), { recursive: true }) },
  { name: 'no refs', apply: (clone) => rm(join(clone, 'refs'), { recursive: true }) },
  {
    name: 'garbage in refs',
    apply: async (clone) => void (await each(await refs(clone), (file) => writeFile(file, garbage))),
  },
  {
    name: 'refs to what is not there',
    apply: async (clone) => void (await each(await refs(clone), (file) => writeFile(file, `${'1'.repeat(40)}\n`))),
  },
  { name: 'no HEAD', apply: (clone) => rm(join(clone, 'HEAD')) },
  { name: 'no config', apply: (clone) => rm(join(clone, 'config')) },
  {
    name: 'an empty directory',
    apply: async (clone) => {
      await rm(clone, { recursive: true })
      await mkdir(clone)
    },
  },
  {
    name: 'a file',
    apply: async (clone) => {
      await rm(clone, { recursive: true })
      await writeFile(clone, '')
    },
  },
]

/** Those after which all that was in force can still be told. */
export const scratches: readonly Damage[] = [
  { name: 'garbage in config', apply: (clone) => writeFile(join(clone, 'config'), garbage) },
  { name: 'no shallow file', apply: (clone) => rm(join(clone, 'shallow')) },
  { name: 'a lock on the shallow file', apply: (clone) => lock(join(clone, 'shallow.lock')) },
  { name: 'a lock on the config', apply: (clone) => lock(join(clone, 'config.lock')) },
  { name: 'a lock on packed refs', apply: (clone) => lock(join(clone, 'packed-refs.lock')) },
  {
    name: 'locks on all refs',
    apply: async (clone) => void (await each(await refs(clone), (file) => lock(`${file}.lock`))),
  },
  { name: 'the beginnings of packs and objects', apply: beginnings },
  { name: 'a clone that was being made', apply: halfMade },
]

/** Puts other bytes into the middle; beginning and length stay. */
async function scramble(file: string): Promise<void> {
  const bytes = await readFile(file)
  const start = Math.floor(bytes.length / 3)
  await rm(file)
  await writeFile(
    file,
    bytes.map((byte, index) => (index > start && index < start * 2 ? byte ^ 0x5a : byte)),
  )
}

async function beginnings(clone: string): Promise<void> {
  await writeFile(join(clone, 'objects', 'pack', 'tmp_pack_aB3dEf'), garbage)
  await writeFile(join(clone, 'objects', 'pack', 'tmp_idx_aB3dEf'), garbage)
  await mkdir(join(clone, 'objects', '12'), { recursive: true })
  await writeFile(join(clone, 'objects', '12', 'tmp_obj_aB3dEf'), garbage)
}

async function halfMade(clone: string): Promise<void> {
  for (const name of ['making', 'new']) await mkdir(`${clone}.${name}/objects`, { recursive: true })
}
