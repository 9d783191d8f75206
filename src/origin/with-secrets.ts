import type { Clock } from '../clock.ts'
import type { OriginSecrets } from '../manifest/origin-secrets.ts'
import type { Origin, Snapshot } from './origin.ts'

/** While files of secrets are closed, other private keys are looked for so often. */
const LOOK_MS = 5_000

/**
 * An origin whose secrets are in force before a snapshot with them is handed out, and what keeps them closed is among its
 * problems. The snapshot comes once more when there are other private keys.
 */
export function withSecrets(origin: Origin, secrets: OriginSecrets, clock: Clock): Origin {
  const adopt = async (snapshot: Snapshot): Promise<Snapshot> => {
    const problems = await secrets.adopt(snapshot.secrets ?? [])
    return problems.length === 0 ? snapshot : { ...snapshot, problems: [...snapshot.problems, ...problems] }
  }
  return {
    read: async (signal) => adopt(await origin.read(signal)),
    snapshots: async function* (signal) {
      const ending = new AbortController()
      const snapshots = origin.snapshots(AbortSignal.any([signal, ending.signal]))[Symbol.asyncIterator]()
      try {
        for await (const snapshot of repeated(snapshots, secrets, clock)) yield await adopt(snapshot)
      } finally {
        ending.abort()
        await snapshots.return?.()
      }
    },
    wake: () => origin.wake(),
    ...(origin.commitsOf === undefined
      ? {}
      : { commitsOf: async (revisions, signal) => (await origin.commitsOf?.(revisions, signal)) ?? new Map() }),
    [Symbol.asyncDispose]: () => origin[Symbol.asyncDispose](),
  }
}

/** Each snapshot, and the last one again for other private keys. */
async function* repeated(
  snapshots: AsyncIterator<Snapshot>,
  secrets: OriginSecrets,
  clock: Clock,
): AsyncGenerator<Snapshot, void> {
  let last: Snapshot | undefined
  let coming: Promise<IteratorResult<Snapshot, unknown>> | undefined
  for (;;) {
    coming ??= snapshots.next()
    const come = secrets.isClosed ? await within(LOOK_MS, coming, clock) : await coming
    if (come?.done === true) return
    if (come !== undefined) {
      coming = undefined
      last = come.value
      yield come.value
    } else if (last !== undefined && secrets.hasNewKeys()) yield last
  }
}

/** What comes within so long; undefined when nothing does. */
async function within<T>(ms: number, coming: Promise<T>, clock: Clock): Promise<T | undefined> {
  const over = new AbortController()
  const pause = clock.sleep(ms, over.signal).then(
    () => undefined,
    () => undefined,
  )
  return await Promise.race([coming, pause]).finally(() => over.abort())
}
