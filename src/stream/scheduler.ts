import type { Clock } from '../clock.ts'
import { type Due, DueQueue, goesBefore } from './due-queue.ts'

/** A source as the scheduler sees it. */
export interface Schedulable {
  readonly name: string
  /** What it shares limits with: its Connection; one lane for all that have none. */
  readonly lane: string
  /** How many of its lane may run at once. */
  readonly laneLimit: number
  /** Among what is due the higher starts first; 0 when absent. */
  readonly priority?: number
}

/** What a run tells the scheduler. */
export interface RunReport {
  /** When the source is due again; undefined for never by itself. */
  readonly nextDueAt: number | undefined
  /** The whole lane rests until then: the server asked everybody to slow down. */
  readonly laneHeldUntil?: number
}

export interface SchedulerOptions {
  readonly clock: Clock
  /** Runs at once, in all. */
  readonly concurrency: number
  /** Runs a source; never throws. `stop` asks it to end soon. */
  run(name: string, stop: AbortSignal): Promise<RunReport>
}

interface Lane {
  readonly waiting: DueQueue
  members: number
  running: number
  limit: number
  heldUntil: number
}

/** What a person asked for goes before everything else. */
const ASKED_FOR = Number.POSITIVE_INFINITY

/**
 * Starts sources when they are due: the highest priority first, then fair between lanes, then the longest overdue, all
 * within the limits. It keeps nothing that cannot be derived again: due times come from the data and are handed in.
 */
export class Scheduler implements AsyncDisposable {
  readonly #options: SchedulerOptions
  readonly #sources = new Map<string, Schedulable>()
  readonly #future = new DueQueue()
  readonly #lanes = new Map<string, Lane>()
  readonly #running = new Map<string, { readonly stop: AbortController; readonly done: Promise<RunReport> }>()
  readonly #manual = new Map<string, PromiseWithResolvers<RunReport>>()
  #timer: AbortController | undefined
  #started = false

  constructor(options: SchedulerOptions) {
    this.#options = options
  }

  /** Adds or replaces a source. While it runs, `dueAt` is ignored: the run says when it is due again. */
  set(source: Schedulable, dueAt: number | undefined): void {
    const before = this.#sources.get(source.name)
    if (before?.lane !== source.lane) {
      if (before !== undefined) this.#leave(before)
      this.#lane(source).members += 1
    }
    this.#sources.set(source.name, source)
    this.#lane(source).limit = source.laneLimit
    if (this.#running.has(source.name)) return
    this.#place(source, dueAt)
    this.#wake()
  }

  /** Takes a source out; resolves when its run, if any, has ended. */
  async remove(name: string): Promise<void> {
    const source = this.#sources.get(name)
    if (source === undefined) return
    this.#sources.delete(name)
    this.#future.delete(name)
    this.#leave(source)
    this.#manual.get(name)?.reject(new Error(`${name} was removed`))
    this.#manual.delete(name)
    const running = this.#running.get(name)
    running?.stop.abort()
    await running?.done
  }

  has(name: string): boolean {
    return this.#sources.has(name)
  }

  isRunning(name: string): boolean {
    return this.#running.has(name)
  }

  get running(): number {
    return this.#running.size
  }

  /** Sources that are due and wait for a free worker. */
  get backlog(): number {
    let count = 0
    for (const lane of this.#lanes.values()) count += lane.waiting.size
    return count
  }

  /** When a source is due; undefined while it runs or when only a person starts it. */
  dueAt(name: string): number | undefined {
    const source = this.#sources.get(name)
    if (source === undefined) return undefined
    return this.#future.at(name) ?? this.#lanes.get(source.lane)?.waiting.at(name)
  }

  /** Runs a source as soon as a worker is free; joins the run in progress. */
  async runNow(name: string): Promise<RunReport> {
    const source = this.#sources.get(name)
    if (source === undefined) throw new Error(`no source ${name}`)
    const running = this.#running.get(name)
    if (running !== undefined) return running.done
    const waiting = this.#manual.get(name) ?? Promise.withResolvers<RunReport>()
    this.#manual.set(name, waiting)
    this.#place(source, 0)
    this.#wake()
    return waiting.promise
  }

  start(): void {
    this.#started = true
    this.#wake()
  }

  /** Starts nothing more, asks what runs to stop, and resolves when it has. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#started = false
    this.#timer?.abort()
    for (const { stop } of this.#running.values()) stop.abort()
    await Promise.all([...this.#running.values()].map(({ done }) => done))
    for (const waiting of this.#manual.values()) waiting.reject(new Error('the service stops'))
    this.#manual.clear()
  }

  #lane(source: Schedulable): Lane {
    const found = this.#lanes.get(source.lane)
    if (found !== undefined) return found
    const lane = { waiting: new DueQueue(), members: 0, running: 0, limit: source.laneLimit, heldUntil: 0 }
    this.#lanes.set(source.lane, lane)
    return lane
  }

  #leave(source: Schedulable): void {
    const lane = this.#lane(source)
    lane.waiting.delete(source.name)
    lane.members -= 1
    if (lane.members === 0 && lane.running === 0) this.#lanes.delete(source.lane)
  }

  #place(source: Schedulable, dueAt: number | undefined): void {
    const lane = this.#lane(source)
    this.#future.delete(source.name)
    lane.waiting.delete(source.name)
    if (this.#manual.has(source.name)) lane.waiting.set(source.name, 0, ASKED_FOR)
    else if (dueAt === undefined) return
    else if (dueAt <= this.#options.clock.now()) lane.waiting.set(source.name, dueAt, source.priority)
    else this.#future.set(source.name, dueAt)
  }

  /** Moves what has become due into its lane, starts what may start, and sleeps until the next time. */
  #wake(): void {
    if (!this.#started) return
    const now = this.#options.clock.now()
    for (let first = this.#future.first; first !== undefined && first.at <= now; first = this.#future.first) {
      this.#future.delete(first.name)
      const source = this.#sources.get(first.name)
      if (source !== undefined) this.#lane(source).waiting.set(first.name, first.at, source.priority)
    }
    while (this.#running.size < this.#options.concurrency) {
      const lane = this.#fairest(now)
      if (lane?.waiting.first === undefined) break
      this.#begin(lane, lane.waiting.first.name)
    }
    this.#sleep(now)
  }

  /** The lane that may start what goes first. */
  #fairest(now: number): Lane | undefined {
    let best: Turn | undefined
    for (const lane of this.#lanes.values()) {
      const head = lane.waiting.first
      if (head === undefined || lane.running >= lane.limit || lane.heldUntil > now) continue
      const turn = { lane, head }
      if (best === undefined || isFairer(turn, best)) best = turn
    }
    return best?.lane
  }

  #begin(lane: Lane, name: string): void {
    const laneName = this.#sources.get(name)?.lane ?? ''
    lane.waiting.delete(name)
    lane.running += 1
    const stop = new AbortController()
    const done = this.#options.run(name, stop.signal)
    this.#running.set(name, { stop, done })
    const manual = this.#manual.get(name)
    this.#manual.delete(name)
    void done.then((report) => {
      lane.running -= 1
      this.#running.delete(name)
      if (lane.members === 0 && lane.running === 0) this.#lanes.delete(laneName)
      if (report.laneHeldUntil !== undefined) lane.heldUntil = Math.max(lane.heldUntil, report.laneHeldUntil)
      const source = this.#sources.get(name)
      if (source !== undefined) this.#place(source, report.nextDueAt)
      manual?.resolve(report)
      this.#wake()
    })
  }

  #sleep(now: number): void {
    this.#timer?.abort()
    let next = this.#future.first?.at ?? Number.POSITIVE_INFINITY
    for (const lane of this.#lanes.values()) {
      if (lane.waiting.size > 0 && lane.heldUntil > now) next = Math.min(next, lane.heldUntil)
    }
    if (next === Number.POSITIVE_INFINITY) return
    const timer = new AbortController()
    this.#timer = timer
    this.#options.clock.sleep(Math.min(Math.max(next - now, 1), LONGEST_SLEEP_MS), timer.signal).then(
      () => this.#wake(),
      () => undefined,
    )
  }
}

/** A lane, and what it would start. */
interface Turn {
  readonly lane: Lane
  readonly head: Due
}

/** The higher priority, else the lane with fewer runs, else what waited longer. */
function isFairer(one: Turn, other: Turn): boolean {
  if (one.head.priority !== other.head.priority || one.lane.running === other.lane.running) {
    return goesBefore(one.head, other.head)
  }
  return one.lane.running < other.lane.running
}

/** Wakes now and then whatever the queue says: the wall clock may have been set. */
const LONGEST_SLEEP_MS = 60_000
