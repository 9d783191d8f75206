import type { Config } from '../config.ts'
import { HermesError, toHermesError } from '../errors.ts'
import type { StatusReport } from '../service/api.ts'
import { openClient } from '../service/client.ts'
import { relativeTime } from './display.ts'
import type { Environment } from './environment.ts'

/** The branch that a service writes its status to. */
export interface BranchReader extends AsyncDisposable {
  readonly branch: string
  /** The report as the branch has it now, its `time` being that of the last change; undefined without such a branch. */
  read(signal: AbortSignal): Promise<StatusReport | undefined>
}

/** Settings with a repository in them. */
export type GitSettings = Config & Required<Pick<Config, 'git'>>

/** Where a status is read from when no service answers; loaded when it is needed. */
export interface WrittenStatus {
  /** The report that was written into a directory; undefined where none was. */
  readBack(dir: string): Promise<StatusReport | undefined>
  openBranch(config: GitSettings, variables: Environment['variables']): Promise<BranchReader>
}

/** Gives the status as it is now, as often as it is asked. */
export interface StatusReader extends AsyncDisposable {
  read(signal: AbortSignal): Promise<StatusReport>
}

/** A Git server is asked no more often than this, however often somebody wants to see the status. */
const BRANCH_MS = 10_000

/**
 * Asks the service; with none it reads the branch of the repository in the settings, or else the directory that status is
 * written back to, and says so once on stderr. Throws why there is neither: `service_absent`, or what Git failed of.
 */
export function statusReader(config: Config, environment: Environment, written: WrittenStatus): StatusReader {
  const { server, token, socketPath, statusDir, git } = config
  const client = openClient(server === undefined ? { socketPath } : { url: server, token })
  let opened: BranchReader | undefined
  let latest: { readonly report: StatusReport | undefined; readonly until: number } | undefined
  let told = ''

  const readBranch = async (signal: AbortSignal): Promise<StatusReport | undefined> => {
    if (git === undefined) return undefined
    opened ??= await written.openBranch({ ...config, git }, environment.variables)
    if (latest === undefined || performance.now() > latest.until) {
      latest = { report: await opened.read(signal), until: performance.now() + BRANCH_MS }
    }
    if (latest.report !== undefined) tell(`branch ${opened.branch} of ${git.url}`, latest.report)
    return latest.report
  }
  const readDirectory = async (failure: HermesError | undefined): Promise<StatusReport> => {
    const report = await written.readBack(statusDir)
    if (report === undefined) throw failure ?? absent(config, opened?.branch)
    tell(failure === undefined ? 'this' : `the branch cannot be read (${failure.message}); this`, report)
    return report
  }
  const tell = (what: string, { time }: StatusReport): void => {
    if (told !== what) {
      const age = relativeTime(time, Date.now())
      environment.stderr.write(`no service answers on ${socketPath}: ${what} was last written ${age}\n`)
    }
    told = what
  }
  return {
    read: async (signal) => {
      if (server !== undefined || (await client.alive())) return await client.status()
      let failure: HermesError | undefined
      const report = await readBranch(signal).catch((thrown: unknown) => {
        signal.throwIfAborted()
        failure = toHermesError(thrown, 'git_failed')
        return undefined
      })
      return report ?? (await readDirectory(failure))
    },
    [Symbol.asyncDispose]: async () => opened?.[Symbol.asyncDispose](),
  }
}

function absent({ socketPath, statusDir, git }: Config, branch: string | undefined): HermesError {
  const places = [
    `no service answers on ${socketPath}`,
    ...(git === undefined || branch === undefined ? [] : [`${git.url} has no branch ${branch} with a status`]),
    `no status is written in ${statusDir}`,
  ]
  return new HermesError('service_absent', `${places.slice(0, -1).join(', ')}, and ${places.at(-1)}`)
}
