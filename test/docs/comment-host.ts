import { type LocalServer, serve } from '../connectors/local-server.ts'

export interface Comment {
  readonly id: number
  readonly body: string
}

/** The comments of one pull request, as GitHub and GitLab answer for them: by path, method and token. */
export interface CommentHost extends AsyncDisposable {
  readonly url: string
  readonly comments: Comment[]
  /** `POST /…` for each change that was asked for. */
  readonly changes: string[]
}

/** `update` is the path of one comment but for its id, and the method that changes it. */
export async function commentHost(
  list: string,
  update: { readonly method: 'PATCH' | 'PUT'; readonly path: string },
  token: readonly [header: string, value: string],
): Promise<CommentHost> {
  const comments: Comment[] = [{ id: 1, body: 'Looks good.\n<!-- hermes plan: hermes -->' }]
  const changes: string[] = []
  const server: LocalServer = await serve(({ method, url, headers, body }, response) => {
    const refuse = (status: number): object => {
      response.statusCode = status
      return { message: `${method} ${url.pathname}` }
    }
    if (headers[token[0]] !== token[1]) return refuse(401)
    if (method === 'GET' && url.pathname === list) return comments
    if (headers['content-type'] !== 'application/json') return refuse(415)
    const sent = JSON.parse(body) as { body: string }
    changes.push(`${method} ${url.pathname}`)
    if (method === 'POST' && url.pathname === list) {
      const created = { id: comments.length + 1, body: sent.body }
      comments.push(created)
      response.statusCode = 201
      return created
    }
    const index = comments.findIndex(({ id }) => url.pathname === `${update.path}/${id}`)
    if (method !== update.method || index < 0) return refuse(404)
    const changed = { id: index + 1, body: sent.body }
    comments[index] = changed
    return changed
  })
  return { url: server.url, comments, changes, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}
