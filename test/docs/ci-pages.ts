import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { root } from '../architecture.ts'

interface GitHubStep {
  readonly run?: string
  readonly uses?: string
  readonly id?: string
}

export interface GitHubJob {
  readonly env?: Readonly<Record<string, string>>
  readonly outputs?: Readonly<Record<string, string>>
  readonly steps: readonly GitHubStep[]
}

export interface GitHubWorkflow {
  readonly env: Readonly<Record<string, string>>
  readonly jobs: Readonly<Record<string, GitHubJob>>
}

export interface GitLabJob {
  readonly script: readonly string[]
}

export interface GitLabPipeline {
  readonly variables: Readonly<Record<string, string>>
  readonly [job: string]: unknown
}

/** The YAML blocks of a page, in order, with `replace` done on their text. */
export function yamlBlocks(page: string, replace: Readonly<Record<string, string>>): unknown[] {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, block = '']) => {
    const own = Object.entries(replace).reduce((done, [from, to]) => done.replaceAll(from, to), block)
    return parse(own)
  })
}

/** `${{ a.b }}` by what `context` says; throws for what it does not know. */
export function filled(text: string, context: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{\{ *([\w.]+) *\}\}/g, (_, name: string) => {
    const value = context[name]
    if (value === undefined) throw new Error(`the workflow asks for ${name}`)
    return value
  })
}
