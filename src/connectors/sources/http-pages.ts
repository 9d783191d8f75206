import { HermesError } from '../../errors.ts'
import type { HttpResponse } from '../../stream/connector.ts'
import { type JsonPath, lookUp, parseJsonPath, scalarText } from '../json-path.ts'
import type { HttpSourceConfig, PaginationConfig } from './http-config.ts'
import { nextLink } from './link-header.ts'

/** Which page to ask for: at most one of these. Part of a position, so it is JSON and holds no secret. */
export interface Place {
  readonly page?: number
  readonly offset?: number
  readonly cursor?: string
  readonly url?: string
}

/** A page as read, with what was read up to and with it. */
export interface Page {
  readonly root: unknown
  readonly response: HttpResponse
  readonly count: number
  readonly pages: number
  readonly seen: number
}

/** The pagination of a source, its paths parsed. */
export interface PageRules {
  readonly pagination: PaginationConfig
  readonly from: JsonPath
  readonly emptyPage: boolean
  readonly shortPage: boolean
  readonly hasMore: JsonPath | undefined
  readonly totalPages: JsonPath | undefined
  readonly total: JsonPath | undefined
}

/** Throws `invalid_value` on a path that is none. */
export function pageRules({ pagination = {}, stop }: Pick<HttpSourceConfig, 'pagination' | 'stop'>): PageRules {
  const decided = stop.hasMore !== undefined || stop.totalPages !== undefined || stop.total !== undefined
  return {
    pagination,
    from: parseJsonPath(pagination.cursor?.from ?? pagination.next?.from),
    emptyPage: stop.emptyPage,
    shortPage: stop.shortPage ?? !decided,
    hasMore: optionalPath(stop.hasMore),
    totalPages: optionalPath(stop.totalPages),
    total: optionalPath(stop.total),
  }
}

function optionalPath(text: string | undefined): JsonPath | undefined {
  return text === undefined ? undefined : parseJsonPath(text)
}

export function firstPlace({ page, offset }: PaginationConfig): Place {
  if (page !== undefined) return { page: page.start }
  return offset === undefined ? {} : { offset: offset.start }
}

/** The parameters that ask for a page, and where they stand. */
export function pageParameters(
  { page, offset, cursor }: PaginationConfig,
  place: Place,
): { readonly in: 'query' | 'body'; readonly values: Readonly<Record<string, string | number>> } {
  if (page !== undefined)
    return { in: page.in, values: sized(page.parameter, place.page, page.sizeParameter, page.size) }
  if (offset !== undefined) {
    return { in: offset.in, values: sized(offset.parameter, place.offset, offset.limitParameter, offset.limit) }
  }
  if (cursor === undefined || place.cursor === undefined) return { in: 'query', values: {} }
  return { in: cursor.in, values: { [cursor.parameter]: place.cursor } }
}

function sized(name: string, value = 0, sizeName?: string, size?: number): Record<string, number> {
  return { [name]: value, ...(sizeName === undefined || size === undefined ? {} : { [sizeName]: size }) }
}

/** The place of the page after this one; undefined when it was the last. Throws `pagination_invalid`. */
export function nextPlace(rules: PageRules, place: Place, page: Page): Place | undefined {
  const { page: numbered, offset, cursor, next, link } = rules.pagination
  if (isLast(rules, page)) return undefined
  if (numbered !== undefined) return { page: (place.page ?? numbered.start) + 1 }
  if (offset !== undefined) return { offset: (place.offset ?? offset.start) + advance(offset.limit, page.count) }
  if (cursor !== undefined) {
    const value = token(rules.from, cursor.from, page)
    return value === undefined ? undefined : { cursor: value }
  }
  const address =
    next !== undefined ? token(rules.from, next.from, page) : link && nextLink(page.response.headers['link'])
  return address === undefined ? undefined : { url: page.response.follow(address) }
}

/** A server that gives fewer records than asked for, and is not done, has a smaller limit of its own. */
function advance(limit: number, count: number): number {
  return count === 0 ? limit : Math.min(limit, count)
}

function isLast({ pagination, emptyPage, shortPage, hasMore, totalPages, total }: PageRules, page: Page): boolean {
  if (page.count === 0 && emptyPage) return true
  if (page.root === undefined) return true
  if (hasMore !== undefined && !isTrue(lookUp(page.root, hasMore))) return true
  if (totalPages !== undefined && page.pages >= numberAt(page, totalPages, 'totalPages')) return true
  if (total !== undefined && page.seen >= numberAt(page, total, 'total')) return true
  const size = pagination.page?.size ?? pagination.offset?.limit
  return shortPage && size !== undefined && page.count < size
}

function isTrue(value: unknown): boolean {
  return value === true || value === 1 || value === 'true' || value === '1'
}

function numberAt(page: Page, path: JsonPath, rule: string): number {
  const text = scalarText(lookUp(page.root, path))
  const value = text === undefined || text === '' ? Number.NaN : Number(text)
  if (!Number.isNaN(value)) return value
  throw new HermesError('pagination_invalid', `${page.response.url}: stop.${rule} leads to no number`)
}

/** The cursor or address of the next page; absent, null, false and empty end the pages. */
function token(path: JsonPath, spelled: string, page: Page): string | undefined {
  const value = lookUp(page.root, path)
  if (value === undefined || value === null || value === false || value === '') return undefined
  const text = scalarText(value)
  if (text !== undefined && value !== true) return text
  const what = `${spelled} is neither a text nor a number`
  throw new HermesError('pagination_invalid', `${page.response.url}: ${what}`)
}
