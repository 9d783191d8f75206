import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A directory of a test's own. */
export interface Scratch extends Disposable {
  readonly root: string
  lines(name: string): readonly unknown[]
  write(name: string, messages: readonly unknown[]): void
}

export function scratch(): Scratch {
  const root = mkdtempSync(join(tmpdir(), 'hermes-library-'))
  return {
    root,
    lines: (name) => {
      const path = join(root, name)
      const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []
      return lines.filter((line) => line !== '').map((line): unknown => JSON.parse(line))
    },
    write: (name, messages) =>
      writeFileSync(join(root, name), messages.map((message) => `${JSON.stringify(message)}\n`).join('')),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  }
}

/** Resolves when `holds` is true. */
export async function until(holds: () => boolean): Promise<void> {
  const end = Date.now() + 10_000
  while (!holds()) {
    if (Date.now() > end) throw new Error('it did not come about')
    await delay(5)
  }
}

export const numbers = (count: number, from = 0): readonly { readonly id: number }[] =>
  Array.from({ length: count }, (_, index) => ({ id: from + index }))
