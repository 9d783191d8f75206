import type { DeadLetterApi, LetterSelection } from './dead-letter-api.ts'

/** Asks a service; a body is sent as JSON, and takes as long as it takes. */
export type AskService = <T>(method: 'GET' | 'POST', path: string, body?: object) => Promise<T>

/** The dead letters of a running service. */
export function deadLetterClient(ask: AskService): DeadLetterApi {
  return {
    list: async (workflow, { ids, where, limit }) => {
      const query = new URLSearchParams({
        ...(where === undefined ? {} : { where }),
        ...(limit === undefined ? {} : { limit: String(Math.min(limit, 1_000)) }),
      })
      for (const id of ids ?? []) query.append('ids', id)
      return await ask('GET', `${pathOf(workflow)}?${query.toString()}`)
    },
    show: (workflow, id) => ask('GET', `${pathOf(workflow)}/${encodeURIComponent(id)}`),
    drop: (workflow, selection) => ask('POST', `${pathOf(workflow)}/drop`, bodyOf(selection)),
    retry: (workflow, selection) => ask('POST', `${pathOf(workflow)}/retry`, bodyOf(selection)),
  }
}

function pathOf(workflow: string): string {
  return `/workflows/${encodeURIComponent(workflow)}/dead-letters`
}

/** Over the wire all letters are meant only when that is said. */
function bodyOf(selection: LetterSelection): object {
  const isAll = selection.ids === undefined && selection.where === undefined
  return { ...selection, ...(isAll ? { all: true } : {}) }
}
