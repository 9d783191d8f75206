import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import {
  buffers,
  connectionSchemas,
  sinks,
  sources,
  steps,
  streamSources,
  validators,
} from '../../src/connectors/index.ts'

describe('the registry', () => {
  it('lists each connector under its own type, with a summary and a closed schema', () => {
    for (const registry of [sources, streamSources, validators, buffers, sinks]) {
      for (const [type, connector] of Object.entries(registry)) {
        expect(connector.type).toBe(type)
        expect(connector.summary).toMatch(/\.$/)
        expect(connector.config, type).toMatchObject({ type: 'object', additionalProperties: false })
      }
    }
  })

  it('lists each step under its own type; its schema may be that of a text, a list or a mapping', () => {
    for (const [type, step] of Object.entries(steps)) {
      expect([step.type, typeof step.config.type]).toEqual([type, 'string'])
      expect(step.summary).toMatch(/\.$/)
    }
  })

  it('loads no vendor library when it is imported but that of expressions', () => {
    const script = `
      import { registerHooks } from 'node:module'
      const loaded = []
      registerHooks({ resolve: (name, context, next) => { loaded.push(name); return next(name, context) } })
      await import('./src/connectors/index.ts')
      await import('./src/connectors/http-client.ts')
      console.log(JSON.stringify(loaded))`
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
    const loaded = JSON.parse(output) as string[]
    expect(loaded.length).toBeGreaterThan(10)
    // The expressions of manifests are checked by every command.
    const known = /^(\.|node:|@marcbachmann\/cel-js$)/
    expect(loaded.filter((name) => !known.test(name))).toEqual([])
  })

  it('lets no template take a secret into a query, an address or a log', () => {
    const { query, path, url } = sources.http.config['properties'] as Record<string, unknown>
    expect(JSON.stringify([query, path, url])).not.toContain('x-secret')
    expect(JSON.stringify(connectionSchemas.http.properties.auth)).toContain('x-secret')
  })
})
