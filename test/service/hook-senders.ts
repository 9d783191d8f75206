import { createHmac } from 'node:crypto'

/** A push as a Git host tells of it. */
export interface Told {
  readonly owner: string
  readonly name: string
  /** `refs/heads/main`. */
  readonly ref: string
  readonly deleted?: boolean
}

/** One Git host: where its repositories are, and what it sends in the form that its documentation shows. */
export interface Sender {
  /** The address that people clone. */
  address(owner: string, name: string): string
  /** Whether a push says which branch is the default one; then it is `main`. */
  readonly namesDefaultBranch: boolean
  push(told: Told): { readonly headers: Readonly<Record<string, string>>; readonly body: object }
  /** The headers by which the host shows that it knows the secret. */
  sign(body: string, secret: string): Readonly<Record<string, string>>
  readonly ping?: { readonly headers: Readonly<Record<string, string>>; readonly body: object }
}

const BEFORE = '6113728f27ae82c7b1a177c8d03f9e96e0adf246'
const AFTER = '59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5'
const NONE = '0'.repeat(40)
const json = { 'content-type': 'application/json' }

export function hmac(body: string, key: string | Buffer, encoding: 'hex' | 'base64' = 'hex'): string {
  return createHmac('sha256', key).update(body).digest(encoding)
}

function ids({ deleted = false }: Told) {
  return { before: BEFORE, after: deleted ? NONE : AFTER }
}

const github = {
  address: (owner, name) => `https://github.com/${owner}/${name}.git`,
  namesDefaultBranch: true,
  push: (told) => {
    const { owner, name, ref, deleted = false } = told
    return {
      headers: { ...json, 'X-GitHub-Event': 'push', 'X-GitHub-Delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958' },
      body: {
        ref,
        ...ids(told),
        repository: {
          id: 186_853_002,
          name,
          full_name: `${owner}/${name}`,
          private: false,
          html_url: `https://github.com/${owner}/${name}`,
          url: `https://github.com/${owner}/${name}`,
          git_url: `git://github.com/${owner}/${name}.git`,
          ssh_url: `git@github.com:${owner}/${name}.git`,
          clone_url: `https://github.com/${owner}/${name}.git`,
          default_branch: 'main',
          master_branch: 'main',
        },
        pusher: { name: 'someone', email: 'someone@users.noreply.github.com' },
        created: false,
        deleted,
        forced: false,
        base_ref: null,
        commits: [],
        head_commit: null,
      },
    }
  },
  sign: (body, secret) => ({ 'X-Hub-Signature-256': `sha256=${hmac(body, secret)}` }),
  ping: {
    headers: { ...json, 'X-GitHub-Event': 'ping' },
    body: { zen: 'Keep it logically awesome.', hook_id: 109_948_940, hook: { type: 'Repository', events: ['push'] } },
  },
} as const satisfies Sender

function gitlabPush(told: Told): object {
  const { owner, name, ref, deleted = false } = told
  const kind = ref.startsWith('refs/tags/') ? 'tag_push' : 'push'
  const addresses = {
    git_ssh_url: `git@gitlab.com:${owner}/${name}.git`,
    git_http_url: `https://gitlab.com/${owner}/${name}.git`,
  }
  return {
    object_kind: kind,
    event_name: kind,
    ...ids(told),
    ref,
    checkout_sha: deleted ? null : AFTER,
    project_id: 15,
    project: {
      id: 15,
      name,
      web_url: `https://gitlab.com/${owner}/${name}`,
      ...addresses,
      path_with_namespace: `${owner}/${name}`,
      default_branch: 'main',
    },
    repository: { name, url: addresses.git_ssh_url, homepage: `https://gitlab.com/${owner}/${name}`, ...addresses },
    commits: [],
    total_commits_count: 0,
  }
}

const gitlab: Sender = {
  address: (owner, name) => `git@gitlab.com:${owner}/${name}.git`,
  namesDefaultBranch: true,
  push: (told) => ({
    headers: { ...json, 'X-Gitlab-Event': told.ref.startsWith('refs/tags/') ? 'Tag Push Hook' : 'Push Hook' },
    body: gitlabPush(told),
  }),
  sign: (_body, secret) => ({ 'X-Gitlab-Token': secret }),
}

/** With a signing token: a signature as Standard Webhooks has it, beside a secret token that anybody may know. */
const gitlabSigning: Sender = {
  ...gitlab,
  sign: (body, secret) => {
    const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
    const signature = `v1,${hmac(`msg_1.1614265330.${body}`, key, 'base64')}`
    return {
      'webhook-id': 'msg_1',
      'webhook-timestamp': '1614265330',
      'webhook-signature': `v1,bm9uZQ== ${signature}`,
      'X-Gitlab-Token': 'known',
    }
  },
}

function giteaPush(told: Told, own: 'Gitea' | 'Forgejo'): ReturnType<Sender['push']> {
  const { owner, name, ref } = told
  const events = [own, 'Gitea', 'Gogs', 'GitHub'].map((each) => [`X-${each}-Event`, 'push'])
  return {
    headers: { ...json, ...(Object.fromEntries(events) as Record<string, string>) },
    body: {
      ref,
      ...ids(told),
      compare_url: 'https://git.example.com/compare',
      commits: [],
      repository: {
        id: 140,
        name,
        full_name: `${owner}/${name}`,
        html_url: `https://git.example.com:3000/${owner}/${name}`,
        ssh_url: `ssh://git@git.example.com:2222/${owner}/${name}.git`,
        clone_url: `https://git.example.com:3000/${owner}/${name}.git`,
        default_branch: 'main',
      },
      pusher: { id: 1, login: 'someone' },
    },
  }
}

const gitea: Sender = {
  address: (owner, name) => `ssh://git@git.example.com:2222/${owner}/${name}.git`,
  namesDefaultBranch: true,
  push: (told) => giteaPush(told, 'Gitea'),
  sign: (body, secret) => ({
    'X-Gitea-Signature': hmac(body, secret),
    'X-Gogs-Signature': hmac(body, secret),
    'X-Hub-Signature': `sha1=${createHmac('sha1', secret).update(body).digest('hex')}`,
    'X-Hub-Signature-256': `sha256=${hmac(body, secret)}`,
  }),
}

const forgejo: Sender = {
  ...gitea,
  push: (told) => giteaPush(told, 'Forgejo'),
  sign: (body, secret) => ({ ...gitea.sign(body, secret), 'X-Forgejo-Signature': hmac(body, secret) }),
}

function bitbucketRef({ ref }: Told): object {
  const [, kind, ...name] = ref.split('/')
  return { type: kind === 'tags' ? 'tag' : 'branch', name: name.join('/'), target: { type: 'commit', hash: AFTER } }
}

const bitbucket: Sender = {
  address: (owner, name) => `https://someone@bitbucket.org/${owner}/${name}.git`,
  namesDefaultBranch: false,
  push: (told) => {
    const { owner, name, deleted = false } = told
    return {
      headers: { ...json, 'X-Event-Key': 'repo:push', 'X-Hook-UUID': '{a-uuid}', 'X-Attempt-Number': '1' },
      body: {
        actor: { type: 'user', display_name: 'Someone' },
        repository: {
          type: 'repository',
          full_name: `${owner}/${name}`,
          name,
          scm: 'git',
          links: {
            self: { href: `https://api.bitbucket.org/2.0/repositories/${owner}/${name}` },
            html: { href: `https://bitbucket.org/${owner}/${name}` },
          },
        },
        push: {
          changes: [
            {
              old: bitbucketRef(told),
              new: deleted ? null : bitbucketRef(told),
              created: false,
              closed: deleted,
              forced: false,
              truncated: false,
            },
          ],
        },
      },
    }
  },
  sign: (body, secret) => ({ 'X-Hub-Signature': `sha256=${hmac(body, secret)}` }),
}

const dataCenter = {
  address: (owner, name) => `ssh://git@bitbucket.example.com:7999/${owner}/${name}.git`,
  namesDefaultBranch: false,
  push: ({ owner, name, ref, deleted = false }) => ({
    headers: { ...json, 'X-Event-Key': 'repo:refs_changed', 'X-Request-Id': 'a-uuid' },
    body: {
      eventKey: 'repo:refs_changed',
      date: '2026-01-19T09:58:11+1100',
      actor: { name: 'admin' },
      repository: {
        slug: name,
        name,
        scmId: 'git',
        project: { key: owner.toUpperCase(), name: owner },
        links: {
          clone: [
            { href: `ssh://git@bitbucket.example.com:7999/${owner}/${name}.git`, name: 'ssh' },
            { href: `https://bitbucket.example.com/scm/${owner}/${name}.git`, name: 'http' },
          ],
          self: [{ href: `https://bitbucket.example.com/projects/${owner.toUpperCase()}/repos/${name}/browse` }],
        },
      },
      changes: [
        {
          ref: { id: ref, displayId: ref.split('/').at(-1), type: ref.startsWith('refs/tags/') ? 'TAG' : 'BRANCH' },
          refId: ref,
          fromHash: BEFORE,
          toHash: deleted ? NONE : AFTER,
          type: deleted ? 'DELETE' : 'UPDATE',
        },
      ],
    },
  }),
  sign: (body, secret) => bitbucket.sign(body, secret),
  ping: { headers: { ...json, 'X-Event-Key': 'diagnostics:ping' }, body: { test: true } },
} as const satisfies Sender

const generic: Sender = {
  address: (owner, name) => `https://git.example.com/${owner}/${name}`,
  namesDefaultBranch: false,
  push: ({ owner, name, ref }) => ({
    headers: json,
    body: { repository: `https://git.example.com/${owner}/${name}`, ref },
  }),
  sign: (body, secret) => ({ 'X-Hermes-Signature': `sha256=${hmac(body, secret)}` }),
}

export const senders = {
  GitHub: github,
  GitLab: gitlab,
  'GitLab with a signing token': gitlabSigning,
  Gitea: gitea,
  Forgejo: forgejo,
  'Bitbucket Cloud': bitbucket,
  'Bitbucket Data Center': dataCenter,
  'anything that signs': generic,
} as const satisfies Record<string, Sender>
