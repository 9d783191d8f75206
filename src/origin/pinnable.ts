import type { Origin, Snapshot } from './origin.ts'

/** An origin that can be held at one snapshot. */
export interface PinnableOrigin extends Origin {
  /** Until disposed, this snapshot is all there is, whatever comes later. */
  pin(snapshot: Snapshot): Disposable
}

/** What was looked at is what is carried out: a command that does its work once pins what it read. */
export function pinnable(origin: Origin): PinnableOrigin {
  let pinned: Snapshot | undefined
  return {
    pin: (snapshot) => {
      pinned = snapshot
      return {
        [Symbol.dispose]: () => {
          pinned = undefined
        },
      }
    },
    read: async (signal) => pinned ?? (await origin.read(signal)),
    snapshots: (signal) => (pinned === undefined ? origin.snapshots(signal) : only(pinned, signal)),
    wake: () => {
      if (pinned === undefined) origin.wake()
    },
    commitsOf: async (revisions, signal) => (await origin.commitsOf?.(revisions, signal)) ?? new Map(),
    [Symbol.asyncDispose]: () => origin[Symbol.asyncDispose](),
  }
}

async function* only(snapshot: Snapshot, signal: AbortSignal): AsyncGenerator<Snapshot, void> {
  if (signal.aborted) return
  yield snapshot
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
