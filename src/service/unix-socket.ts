import { chmod, link, lstat, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { HermesError } from '../errors.ts'

/** A socket path that this process owns. */
export interface ClaimedSocket {
  /** Removes the socket unless another process has taken the path since. */
  release(): Promise<void>
}

/**
 * Makes a listening socket reachable at `path`, for this user only. `listen` binds a path of its own in a directory that
 * nobody else can enter; the socket appears at `path` when it has its mode. What a dead process left there is removed;
 * a live one is never touched: `service_running`.
 */
export async function claimSocket(path: string, listen: (path: string) => Promise<void>): Promise<ClaimedSocket> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await refuseForeignDirectory(dirname(path))
  await refuseLive(path)
  const hidden = await mkdtemp(join(dirname(path), '.s'))
  try {
    const bound = join(hidden, 's')
    await listen(bound)
    await chmod(bound, 0o600)
    await publish(bound, path)
    const { ino } = await lstat(path)
    return { release: () => releaseSocket(path, ino) }
  } finally {
    await rm(hidden, { recursive: true, force: true })
  }
}

/** In a directory that everybody may write to, such as /tmp, somebody else may have made ours first. */
async function refuseForeignDirectory(dir: string): Promise<void> {
  const parent = await stat(dirname(dir))
  const shared = (parent.mode & 0o002) !== 0
  if (!shared || (await stat(dir)).uid === userInfo().uid) return
  throw new HermesError('setting_invalid', `the socket's directory ${dir} belongs to another user`, {
    fix: 'Name a place of your own with --socket.',
  })
}

const TRIES = 5

async function publish(bound: string, path: string): Promise<void> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    try {
      return await link(bound, path)
    } catch (error) {
      const code = codeOf(error)
      if (code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP') return await rename(bound, path)
      if (code !== 'EEXIST') throw error
    }
    await removeStale(path, `${bound}.old`)
  }
  throw new HermesError('service_running', `another process keeps taking ${path}`)
}

/** Moves the dead socket aside before it goes: if a live one came in between, it is put back. */
async function removeStale(path: string, aside: string): Promise<void> {
  const judged = await inodeOf(path)
  await refuseLive(path)
  await rename(path, aside).catch(ignoreMissing)
  const taken = await inodeOf(aside)
  if (taken !== undefined && taken !== judged) await link(aside, path).catch(() => undefined)
  await rm(aside, { force: true })
}

async function refuseLive(path: string): Promise<void> {
  const found = await lstat(path).catch(ignoreMissing)
  if (found === undefined) return
  if (!found.isSocket()) {
    throw new HermesError('setting_invalid', `${path} is not a socket`, {
      fix: 'Move it away, or name another --socket.',
    })
  }
  if (await answers(path)) throw new HermesError('service_running', `a service already runs: it listens on ${path}`)
}

/** Whether somebody accepts connections there; one who may not be asked counts as alive. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const done = (alive: boolean) => {
      socket.destroy()
      resolve(alive)
    }
    socket.once('connect', () => done(true))
    socket.once('error', (error) => done(!['ECONNREFUSED', 'ENOENT'].includes(codeOf(error))))
  })
}

async function releaseSocket(path: string, inode: number): Promise<void> {
  if ((await inodeOf(path)) === inode) await rm(path, { force: true })
}

async function inodeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(ignoreMissing))?.ino
}

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
