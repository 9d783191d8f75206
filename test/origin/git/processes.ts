import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** The argument lists of all processes in which a text stands, as soon as they fulfil `wish`. */
export async function processesOf(
  text: string,
  wish: (found: readonly string[]) => boolean = () => true,
): Promise<readonly string[]> {
  for (const deadline = performance.now() + 10_000; ; ) {
    const lines = await Promise.all((await pids()).map(commandLine))
    const found = lines.filter((line) => line.includes(text))
    if (wish(found)) return found
    if (performance.now() > deadline) throw new Error(`not so after 10 s: ${found.join('\n')}`)
    await sleep(10)
  }
}

/** The processes that belong to a directory: by their arguments, or by the repository they were started for. */
export async function pidsOf(dir: string): Promise<readonly number[]> {
  const found: number[] = []
  for (const pid of await pids()) {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
    if ((await commandLine(pid)).includes(dir) || environment.includes(`GIT_DIR=${dir}`)) found.push(pid)
  }
  return found
}

async function pids(): Promise<readonly number[]> {
  const names = await readdir('/proc')
  return names.map(Number).filter((pid) => pid > 0 && pid !== process.pid)
}

async function commandLine(pid: number): Promise<string> {
  const bytes = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return bytes.replaceAll('\0', ' ')
}
