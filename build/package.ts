// `npm run build`: compiles src to dist and lays out dist/package, the folder that is published.
import { execFileSync } from 'node:child_process'
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(root, 'dist')
const target = join(dist, 'package')

interface PackageJson {
  readonly [field: string]: unknown
  readonly files: readonly string[]
  readonly exports: Readonly<Record<string, unknown>>
}

/** What a user of the package needs: nothing to develop with, their own Node, and the compiled entry with its types. */
function publishedPackage(source: PackageJson): PackageJson {
  const { devDependencies, optionalDependencies, scripts, ...rest } = source
  void [devDependencies, optionalDependencies, scripts]
  const entry = { types: './dist/index.d.ts', default: './dist/index.js' }
  return { ...rest, exports: { ...source.exports, '.': entry }, files: ['bin', 'dist', 'schemas'] }
}

/** The compiler rewrites imports; the files that workers start from stand in URLs. */
function rewriteWorkers(): void {
  for (const path of globSync('**/*.js', { cwd: join(target, 'dist') })) {
    const file = join(target, 'dist', path)
    const text = readFileSync(file, 'utf8')
    const rewritten = text.replaceAll(/(new URL\(\s*'[^']+)\.ts'/g, "$1.js'")
    if (rewritten !== text) writeFileSync(file, rewritten)
  }
}

function compile(): void {
  const compiler = join(root, 'node_modules/.bin/tsc')
  execFileSync(compiler, ['-p', join(root, 'build/tsconfig.json'), '--outDir', join(target, 'dist')], {
    stdio: 'inherit',
  })
  rewriteWorkers()
}

rmSync(dist, { recursive: true, force: true })
compile()
for (const path of ['bin', 'schemas', 'README.md', 'LICENSE', 'CHANGELOG.md']) {
  cpSync(join(root, path), join(target, path), { recursive: true })
}
const source = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as PackageJson
writeFileSync(join(target, 'package.json'), `${JSON.stringify(publishedPackage(source), undefined, 2)}\n`)
console.log(`${target} is ready for npm publish`)
