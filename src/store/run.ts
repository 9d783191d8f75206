import { HermesError } from '../errors.ts'
import { type Bookmark, bookmarkText } from './bookmark.ts'
import type { Statement } from './database.ts'
import { instantText } from './instant.ts'
import { storableText } from './json-text.ts'
import { pagePortion } from './portion.ts'
import { changeRun, clearRun, displaced, moveBookmark, type RunKey, specText } from './retries.ts'
import { type RunParts, RunTable } from './run-table.ts'
import { identifier, literal } from './sql-text.ts'
import { inlined, parameterSign } from './statement-text.ts'
import type { Run, RunTarget } from './store.ts'

/** What `begin` found out and wrote down. */
export interface RunStart {
  readonly startedAt: number
  readonly attempt: number
  readonly rows: number
  readonly bookmark: Bookmark
}

const longestError = 2_000

/** A run whose intent is written. Its calls are carried out one after the other. */
export class OpenRun implements Run {
  readonly startedAt: number
  readonly attempt: number
  readonly resumeFrom?: unknown
  readonly cursor?: string
  readonly #parts: RunParts
  readonly #target: RunTarget
  readonly #key: RunKey
  readonly #table: RunTable
  #bookmark: Bookmark
  #rows: number
  #records = 0
  #last: Promise<void> = Promise.resolve()
  #failed = false

  constructor(parts: RunParts, target: RunTarget, start: RunStart) {
    this.#parts = parts
    this.#target = target
    this.#bookmark = start.bookmark
    this.#rows = start.rows
    this.startedAt = start.startedAt
    this.attempt = start.attempt
    this.#key = { source: target.source, startedAt: start.startedAt }
    this.#table = new RunTable(parts, target, instantText(start.startedAt))
    if (start.bookmark.position !== undefined) this.resumeFrom = start.bookmark.position
    if (start.bookmark.cursor !== undefined) this.cursor = start.bookmark.cursor
  }

  get rows(): number {
    return this.#rows
  }

  get ignored(): ReadonlySet<string> {
    return this.#table.ignored
  }

  get evolved(): boolean {
    return this.#table.evolved
  }

  async write(records: readonly unknown[], position: unknown, signal: AbortSignal): Promise<void> {
    this.#last = this.#last.then(() => this.#write(records, position, signal))
    await this.#last
  }

  async #write(records: readonly unknown[], position: unknown, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    // Behind a page that was not written no position may move.
    if (this.#failed) throw new HermesError('internal', `an earlier page of ${this.#target.source} was not written`)
    this.#failed = true
    const page = { records, first: this.#records + 1 }
    const bookmark: Bookmark = { ...this.#bookmark, position }
    this.#rows += await this.#commit(page, bookmark, signal)
    this.#records += records.length
    this.#bookmark = bookmark
    this.#failed = false
  }

  async #commit(
    page: { records: readonly unknown[]; first: number },
    bookmark: Bookmark,
    signal: AbortSignal,
  ): Promise<number> {
    // Staged rows are gone after a crash: there is no position to come back to.
    const beside = (rows: number) => (this.#target.write === 'replace' ? [] : [this.#move(bookmark, this.#rows + rows)])
    return await this.#fenced(async () => {
      if (page.records.length > 0)
        return await this.#table.commit(pagePortion(page.records, page.first), beside, signal)
      for (const { sql, values } of beside(0)) await this.#parts.database.query(sql, values, signal)
      return 0
    })
  }

  #move(bookmark: Bookmark, rows: number): Statement {
    return moveBookmark(this.#parts.database.dialect, this.#key, bookmarkText(bookmark), rows)
  }

  async #fenced<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw displaced(error, this.#target.source)
    }
  }

  async finish(notBefore: number): Promise<void> {
    await this.#last
    const { database } = this.#parts
    const clear = clearRun(database.dialect, this.#key)
    if (!(await this.#leftRows())) await this.#finishEmpty(notBefore)
    else if (this.#target.write !== 'replace') await database.query(clear.sql, clear.values)
    else await this.#fenced(() => this.#table.swap([this.#move(this.#bookmark, this.#rows), clear]))
  }

  /** Whether the data will tell of this run: `append` leaves rows alone whose key is there already. */
  async #leftRows(): Promise<boolean> {
    const { table, source, write, key } = this.#target
    if (this.#rows === 0 || write !== 'append' || key.length === 0) return this.#rows > 0
    const p = parameterSign(this.#parts.database.dialect)
    const sql = `SELECT 1 FROM ${identifier(table)} WHERE source_name = ${p}1 AND created_at = ${p}2 LIMIT 1`
    const found = await this.#parts.database.query(sql, [source, instantText(this.startedAt)])
    return found.length > 0
  }

  async #finishEmpty(notBefore: number): Promise<void> {
    const { database } = this.#parts
    const change = changeRun(database.dialect, this.#key, {
      attempt: 0,
      not_before: Math.ceil(notBefore),
      started_at: null,
      empty_at: this.startedAt,
      position: null,
      spec: null,
      rows: 0,
      error_code: null,
      last_error: null,
    })
    const emptied = this.#target.write === 'replace' && (await this.#table.exists()) ? [this.#deleteRows()] : []
    await database.script([...emptied, inlined(change)].join(';\n'))
  }

  #deleteRows(createdAt?: string): string {
    const { table, source } = this.#target
    const own = createdAt === undefined ? '' : ` AND created_at = ${literal(createdAt)}`
    return `DELETE FROM ${identifier(table)} WHERE source_name = ${literal(source)}${own}`
  }

  async fail(
    error: { code: string; message: string },
    notBefore: number,
    { discard, secrets }: { discard: boolean; secrets?: string },
  ): Promise<void> {
    await this.#last.catch(() => undefined)
    const { database } = this.#parts
    const told = {
      not_before: Math.ceil(notBefore),
      error_code: error.code,
      spec: specText(this.#target.spec, secrets),
      last_error: storableText(error.message).slice(0, longestError).toWellFormed(),
    }
    const given = discard ? this.#givenUp() : {}
    const change = inlined(changeRun(database.dialect, this.#key, { ...told, ...given }))
    const deleted = discard && this.#target.write === 'append' && (await this.#table.exists())
    await database.script([...(deleted ? [this.#deleteRows(instantText(this.startedAt))] : []), change].join(';\n'))
  }

  /** A merge's rows stay in the table, so it stays known that they belong to a run that did not finish. */
  #givenUp(): { started_at?: null; position: string | null; rows: number } {
    if (this.#target.write === 'append') return { started_at: null, position: null, rows: 0 }
    const { position: _position, ...kept } = this.#bookmark
    return { position: bookmarkText(kept), rows: 0 }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last.catch(() => undefined)
    await this.#table[Symbol.asyncDispose]()
  }
}
