import type { VerbEntry } from './verb.ts'

/** Every verb with its line in the help; its file is read when it is called. */
export const verbs: Readonly<Record<string, VerbEntry>> = {
  serve: {
    summary: 'watch the manifests and keep the data in step with them',
    load: async () => (await import('./verbs/serve.ts')).serve,
  },
  plan: {
    summary: 'show what would change, and change nothing',
    load: async () => (await import('./verbs/plan.ts')).plan,
  },
  'export-state': {
    summary: 'write what a plan needs to know of this place, for plans elsewhere',
    load: async () => (await import('./verbs/export-state.ts')).exportState,
  },
  apply: {
    summary: 'reconcile once, fetch what is due, and end',
    load: async () => (await import('./verbs/apply.ts')).apply,
  },
  validate: {
    summary: 'report every problem in the manifests',
    load: async () => (await import('./verbs/validate.ts')).validate,
  },
  test: {
    summary: 'run the tests of workflows: messages in, expected messages out',
    load: async () => (await import('./verbs/test.ts')).test,
  },
  add: {
    summary: 'add resources: write their manifests into the directory',
    load: async () => (await import('./verbs/add.ts')).add,
  },
  update: {
    summary: 'replace the manifests of resources that exist',
    load: async () => (await import('./verbs/update.ts')).update,
  },
  delete: {
    summary: 'remove the manifest of a resource',
    load: async () => (await import('./verbs/delete.ts')).deleteVerb,
  },
  list: {
    summary: 'list resources with their state',
    load: async () => (await import('./verbs/list.ts')).list,
  },
  get: {
    summary: 'show one resource: manifest, status, first rows',
    load: async () => (await import('./verbs/get.ts')).get,
  },
  tree: {
    summary: 'show what hangs on what, and how each is',
    load: async () => (await import('./verbs/tree.ts')).tree,
  },
  trace: {
    summary: 'show where a table comes from: sources, files, commits',
    load: async () => (await import('./verbs/trace.ts')).trace,
  },
  events: {
    summary: 'show what happened since the service began',
    load: async () => (await import('./verbs/events.ts')).events,
  },
  run: {
    summary: 'fetch a source now',
    load: async () => (await import('./verbs/run.ts')).run,
  },
  preview: {
    summary: 'fetch one page of a source in a file, and write nothing',
    load: async () => (await import('./verbs/preview.ts')).preview,
  },
  'dead-letters': {
    summary: 'look into what a workflow could not deliver, send it again or drop it',
    load: async () => (await import('./verbs/dead-letters.ts')).deadLetters,
  },
  top: {
    summary: 'show rates, lag and breakers of workflows, again and again',
    load: async () => (await import('./verbs/top.ts')).top,
  },
  tap: {
    summary: 'show live messages of a workflow, sampled',
    load: async () => (await import('./verbs/tap.ts')).tap,
  },
  buffer: {
    summary: "look into a workflow's file buffer, and check its files",
    load: async () => (await import('./verbs/buffer.ts')).buffer,
  },
  reconcile: {
    summary: 'read the manifests again and reconcile now',
    load: async () => (await import('./verbs/reconcile.ts')).reconcile,
  },
  approve: {
    summary: 'approve a change that would destroy data',
    load: async () => (await import('./verbs/approve.ts')).approve,
  },
  suspend: {
    summary: 'stop the work of a resource and delete nothing',
    load: async () => (await import('./verbs/suspend.ts')).suspend,
  },
  resume: {
    summary: 'take the work of a suspended resource up again',
    load: async () => (await import('./verbs/resume.ts')).resume,
  },
  init: {
    summary: 'write a small working example',
    load: async () => (await import('./verbs/init.ts')).init,
  },
  schema: {
    summary: 'print the JSON Schema of a kind',
    load: async () => (await import('./verbs/schema.ts')).schema,
  },
  completion: {
    summary: 'print the completion script of a shell',
    load: async () => (await import('./verbs/completion.ts')).completion,
  },
}
