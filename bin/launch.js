// Starts a TypeScript or JavaScript entry on Node 24. Where the calling Node is older, the entry runs again on the
// Node 24 that the repository's optional dependencies bring along. Plain JavaScript: any Node of the last years reads it.
import { spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { constants, homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const OLDEST = 24
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

/** The entry's source in a checkout, its compiled form in the published package. */
export function entry(name) {
  const source = join(root, 'src', `${name}.ts`)
  return existsSync(source) ? source : join(root, 'dist', `${name}.js`)
}

function bundledNode() {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const file = process.platform === 'win32' ? 'bin/node.exe' : 'bin/node'
  try {
    const manifest = nodeModule.createRequire(import.meta.url).resolve(`node-${platform}-${process.arch}/package.json`)
    const node = join(dirname(manifest), file)
    return existsSync(node) ? node : undefined
  } catch {
    return undefined
  }
}

/**
 * Has Node keep what it compiled, in the user's own cache: a command then answers in half the time. Threads look into
 * the environment for it; without it each would load the TypeScript compiler, which takes 20 MB.
 */
function keepCompiled() {
  const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  process.env.NODE_COMPILE_CACHE ||= join(caches, 'hermes')
  nodeModule.enableCompileCache?.()
}

/**
 * V8's flags for the verbs that move much data or stay for long; only a start of Node can set them. By itself V8 lets the
 * space for new objects grow to 200 MB on a large machine, most of which is never needed again: here it has 24. The space
 * for old ones it lets grow fourfold before it looks what of them is still needed: here twofold.
 */
const moving = ['--max-semi-space-size=8', '--heap-growing-percent=100']

/**
 * A service also gives back what its start and every burst of work left behind: memory-saver-mode collects garbage when
 * nothing has happened for eight seconds.
 */
const staying = [...moving, '--memory-saver-mode']

const flagsOf = new Map([
  ['serve', staying],
  ['apply', moving],
  ['run', moving],
])

/** The C library's allocator keeps memory apart for each thread; two such places serve all of ours. */
const allocator = { MALLOC_ARENA_MAX: '2' }

function flagsFor(args) {
  return flagsOf.get(args.find((arg) => flagsOf.has(arg))) ?? []
}

/** Starts this process over with V8's flags, when the command needs them and Node can; it stays the same process. */
function startOver(args) {
  const flags = flagsFor(args).filter((flag) => !process.execArgv.includes(flag))
  if (flags.length === 0) return
  if (process.connected) return
  const argv = [process.execPath, ...process.execArgv, ...flags, ...process.argv.slice(1)]
  process.execve?.(process.execPath, argv, { ...allocator, ...process.env })
}

/** Runs `file` with `args` in this process on Node 24 and later, in a child on the bundled Node otherwise. */
export async function launch(file, args) {
  if (Number.parseInt(process.versions.node, 10) >= OLDEST) {
    keepCompiled()
    startOver(args)
    process.argv = [process.execPath, file, ...args]
    await import(pathToFileURL(file).href)
    return
  }
  const node = bundledNode()
  if (node === undefined) {
    console.error(
      `hermes needs Node ${OLDEST} or later; this is ${process.versions.node} and no bundled Node was found.`,
    )
    console.error(
      `Fix: install Node ${OLDEST} (or run npm ci in the repository, which brings it on Linux and Windows).`,
    )
    process.exitCode = 1
    return
  }
  const flags = flagsFor(args)
  const env = flags.length > 0 ? { ...allocator, ...process.env } : process.env
  const child = spawn(node, [...flags, file, ...args], { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0)
  })
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [file, ...args] = process.argv.slice(2)
  if (file !== undefined) await launch(resolve(file), args)
}
