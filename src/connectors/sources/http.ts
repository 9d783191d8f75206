import { HermesError } from '../../errors.ts'
import { parseLossless } from '../../lossless-json.ts'
import type { Batch } from '../../stream/batch.ts'
import { valueBatch } from '../../stream/batches.ts'
import type { Connector, Context, HttpClient, HttpResponse } from '../../stream/connector.ts'
import type { Source } from '../../stream/source.ts'
import { type JsonPath, parseJsonPath } from '../json-path.ts'
import { recordsAt } from '../json-records.ts'
import { type HttpSourceConfig, httpSourceSchema } from './http-config.ts'
import { incrementalValue } from './http-incremental.ts'
import { firstPlace, nextPlace, type PageRules, type Place, pageRules } from './http-pages.ts'
import { checkRequest, pageRequest } from './http-request.ts'
import { Repetition } from './repetition.ts'

export const httpSource: Connector<Source, HttpSourceConfig> = {
  type: 'http',
  summary: 'An HTTP API that answers with JSON, page by page.',
  config: httpSourceSchema,
  open: async (config, context) => new HttpSource(config, context),
}

/** Where a fetch stands: the page to ask for next, how much of it is delivered already, and what came before. */
interface Standing {
  readonly place: Place
  readonly skip: number
  readonly pages: number
  readonly seen: number
}

/** `done` stands behind the last page. */
type HttpPosition = (Standing & { readonly done?: undefined }) | { readonly done: true }

interface Fetched {
  readonly response: HttpResponse
  readonly root: unknown
  readonly records: readonly unknown[]
}

const BATCH = 1_000

class HttpSource implements Source {
  readonly #config: HttpSourceConfig
  readonly #http: HttpClient
  readonly #rules: PageRules
  readonly #records: JsonPath
  readonly #since: string | undefined
  readonly #closed = new AbortController()

  constructor(config: HttpSourceConfig, { http, cursor }: Context) {
    checkRequest(config)
    this.#config = config
    this.#http = http
    this.#rules = pageRules(config)
    this.#records = parseJsonPath(config.records)
    this.#since = config.incremental === undefined ? undefined : incrementalValue(config.incremental, cursor)
  }

  /**
   * Holds one page, and the bytes of the one before, which it must differ from. Taking the next batch sends the next
   * request: a pipeline does so while its sink works. Every batch can be resumed behind, within a page by asking for the
   * page again and skipping.
   */
  async *read(from: unknown, stop: AbortSignal, signal: AbortSignal): AsyncGenerator<Batch> {
    const until = AbortSignal.any([stop, signal, this.#closed.signal])
    let before: Uint8Array | undefined
    const places = new Repetition()
    let standing = standingOf(from, firstPlace(this.#rules.pagination))
    while (standing !== undefined) {
      const page = await this.#fetch(standing.place, until, signal)
      if (page === undefined) return
      refuseRepeatedBody(page, before)
      before = page.response.body
      const next = this.#next(standing, page)
      yield* batchesOf(page.records, standing, next)
      if (next !== undefined) this.#refuseEndless(next, page, places)
      standing = next
    }
  }

  /** Asks for the head of the first page: any answer but a refusal of the credentials will do. */
  async ping(signal: AbortSignal): Promise<void> {
    const request = pageRequest(this.#config, firstPlace(this.#rules.pagination), this.#since)
    const { body: _, ...head } = request
    try {
      await this.#http.request({ ...head, method: 'HEAD', attempts: 1 }, signal)
    } catch (error) {
      if (!(error instanceof HermesError) || error.code !== 'http_client_error') throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
  }

  /** Undefined when the source is to stop. */
  async #fetch(place: Place, until: AbortSignal, signal: AbortSignal): Promise<Fetched | undefined> {
    try {
      const response = await this.#http.request(pageRequest(this.#config, place, this.#since), until)
      const root = rootOf(response)
      return { response, root, records: root === undefined ? [] : recordsAt(root, this.#records, response.url) }
    } catch (error) {
      signal.throwIfAborted()
      if (until.aborted) return undefined
      throw error
    }
  }

  #next({ place, pages, seen }: Standing, { response, root, records }: Fetched): Standing | undefined {
    const read = { pages: pages + 1, seen: seen + records.length }
    const next = nextPlace(this.#rules, place, { root, response, count: records.length, ...read })
    return next === undefined ? undefined : { place: next, skip: 0, ...read }
  }

  #refuseEndless({ place, pages }: Standing, { response }: Fetched, places: Repetition): void {
    const token = place.cursor ?? place.url
    if (token !== undefined && places.sees(token)) {
      throw new HermesError('page_repeated', `${response.url}: page ${pages} names a next page that was there before`)
    }
    if (pages >= this.#config.maxPages) {
      throw new HermesError('max_pages', `${response.url}: there is more after maxPages: ${this.#config.maxPages}`)
    }
  }
}

function standingOf(from: unknown, first: Place): Standing | undefined {
  if (from === undefined) return { place: first, skip: 0, pages: 0, seen: 0 }
  const position = from as HttpPosition
  return position.done === true ? undefined : position
}

function* batchesOf(records: readonly unknown[], standing: Standing, next: Standing | undefined): Generator<Batch> {
  for (let start = standing.skip; start < records.length; start += BATCH) {
    const end = start + BATCH
    const behind: HttpPosition = end < records.length ? { ...standing, skip: end } : (next ?? { done: true })
    yield valueBatch(start === 0 && end >= records.length ? records : records.slice(start, end), behind)
  }
}

function refuseRepeatedBody({ response, records }: Fetched, before: Uint8Array | undefined): void {
  if (records.length > 0 && before !== undefined && Buffer.compare(response.body, before) === 0) {
    throw new HermesError('page_repeated', `${response.url}: the answer is the same as that of the page before`)
  }
}

/** The answer's JSON; undefined when it is empty. */
function rootOf(response: HttpResponse): unknown {
  if (isBlank(response.body)) return undefined
  try {
    return parseLossless(response.body)
  } catch {
    const type = response.headers['content-type'] ?? 'no content-type'
    const begins = JSON.stringify(response.excerpt(80))
    throw new HermesError('response_not_json', `${response.url}: the answer (${String(type)}) begins with ${begins}`)
  }
}

function isBlank(body: Uint8Array): boolean {
  return body.length < 64 && /^\uFEFF?\s*$/.test(new TextDecoder().decode(body))
}
