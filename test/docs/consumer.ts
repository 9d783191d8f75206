import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../architecture.ts'

/** A project of somebody who has the package: its files, and nothing of the repository. */
export interface Consumer extends Disposable {
  readonly path: string
  write(name: string, text: string): void
  read(name: string): string
  /** What the compiler says of all files, with the types of the package itself checked, too. */
  compile(): string
  /** What a program prints; standard error with it. */
  run(name: string): string
}

/** Installs the published package from its tarball, as npm would, but for the packages it depends on: those are linked. */
export function consumer(folder: string): Consumer {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'hermes-consumer-')))
  const installed = join(path, 'node_modules/hermes')
  mkdirSync(installed, { recursive: true })
  const packed = execFileSync('npm', ['pack', folder, '--pack-destination', path, '--ignore-scripts', '--silent'], {
    encoding: 'utf8',
  })
  execFileSync('tar', ['xzf', join(path, packed.trim()), '-C', installed, '--strip-components=1'])
  for (const name of ['@types', 'undici-types'])
    symlinkSync(join(root, 'node_modules', name), join(path, 'node_modules', name))
  const write = (name: string, text: string): void => writeFileSync(join(path, name), text)
  write('package.json', '{ "name": "consumer", "type": "module" }')
  write('tsconfig.json', JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  return {
    path,
    write,
    read: (name) => readFileSync(join(path, name), 'utf8'),
    compile: () => {
      // Without the packages it depends on: its types must not need those that only we have.
      const { stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', path], { cwd: path, encoding: 'utf8' })
      return stdout
    },
    run: (name) => {
      symlinkOnce(join(root, 'node_modules'), join(installed, 'node_modules'))
      const { stdout, stderr } = spawnSync(process.execPath, [name], { cwd: path, encoding: 'utf8' })
      return stdout + stderr
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}

const compilerOptions = {
  target: 'es2024',
  lib: ['es2024', 'esnext.disposable'],
  module: 'nodenext',
  types: ['node'],
  strict: true,
  skipLibCheck: false,
  noEmit: true,
}

function symlinkOnce(target: string, path: string): void {
  try {
    symlinkSync(target, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}
