import { describe, expect, it } from 'vitest'
import { mayHoldSecret } from '../../src/reconcile/blanks.ts'
import { changeReason, reasonOf } from '../../src/reconcile/reason.ts'
import { shortRevision } from '../../src/reconcile/revision.ts'
import { source } from './manifests.ts'

describe('why something changes', () => {
  it.each([
    [{ schedule: { every: '15m' } }, { schedule: { every: '30m' } }, 'spec.schedule.every changed from 15m to 30m'],
    [{ columns: { a: 'text' } }, { columns: { a: 'text', b: 'bigint' } }, 'spec.columns.b was added'],
    [{ columns: { a: 'text', b: 'date' } }, { columns: { b: 'date' } }, 'spec.columns.a was removed'],
    [{ suspend: false }, { suspend: true }, 'spec.suspend changed from false to true'],
    [{ primaryKey: ['a'] }, { primaryKey: ['a', 'b'] }, 'spec.primaryKey changed from ["a"] to ["a","b"]'],
    [{ steps: [{ filter: 'x' }] }, { steps: [{ filter: 'y' }] }, 'spec.steps changed'],
    [{ http: { path: '/a' } }, { file: { path: 'b' } }, 'spec.file was added, spec.http was removed'],
    [{ a: 1, b: 1, c: 1, d: 1, e: 1 }, {}, 'spec.a was removed, spec.b was removed, spec.c was removed and 2 more'],
    [{ a: null }, { a: 0 }, 'spec.a changed from null to 0'],
    [{ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, undefined],
    [{ text: 'x'.repeat(70) }, { text: 'y' }, `spec.text changed from ${'x'.repeat(60)}… to y`],
  ])('%j → %j', (before, after, reason) => {
    expect(changeReason(before, after)).toBe(reason)
  })

  it('may be asked for a part of the spec', () => {
    const [before, after] = [
      { table: { name: 'a' }, schedule: { every: '1m' } },
      { table: { name: 'b' }, schedule: { every: '2m' } },
    ]
    expect(changeReason(before, after, 'spec.table')).toBe('spec.table.name changed from a to b')
    expect(changeReason(before, after, 'spec.tab')).toBeUndefined()
  })

  it.each([
    [{ http: { headers: { 'x-user': 'hunter2' } } }, { http: { headers: { 'x-user': 'letmein' } } }],
    [{ http: { auth: { bearer: 'hunter2' } } }, { http: { auth: { bearer: 'letmein' } } }],
    [{ apiKey: 'hunter2' }, { apiKey: 'letmein' }],
    [{ db: { password: 'hunter2' } }, { db: { password: 'letmein' } }],
    [{ clientSecret: 'hunter2' }, { clientSecret: 'letmein' }],
    [{ url: 'postgres://u:hunter2@h/d' }, { url: 'postgres://u:letmein@h/d' }],
    [{ url: 'http://h/?a=1&api_key=hunter2' }, { url: 'http://h/?a=2&api_key=letmein' }],
    [{ list: ['http://u:hunter2@h'] }, { list: ['http://u:letmein@h'] }],
  ])('never shows a secret (invariant 9): %j', (before, after) => {
    expect(changeReason(before, after)).toMatch(/^spec\.\S+ changed/)
    expect(changeReason(before, after)).not.toMatch(/hunter2|letmein/)
  })

  it('shows what merely sounds like a key', () => {
    expect(['spec.table.primaryKey', 'spec.columns.monkeys', 'spec.http.path'].map(mayHoldSecret)).toEqual([
      false,
      false,
      false,
    ])
  })
})

describe('the reason of a subject', () => {
  const [was, is] = [source('a', { table: 't' }), source('a', { table: 'u' })]
  const drift = 'the table is missing'

  it.each([
    ['removed', { name: 'a', claims: [was] }, 'the manifest was removed'],
    ['new', { name: 'a', desired: is, claims: [is] }, 'the manifest was added'],
    ['changed', { name: 'a', desired: is, settled: was, claims: [was, is] }, 'spec.table changed from t to u'],
    ['taken back', { name: 'a', desired: is, settled: is, claims: [is, was, is] }, 'spec.table changed from t to u'],
    ['settled', { name: 'a', desired: is, settled: is, claims: [is] }, drift],
  ])('that is %s', (_, subject, reason) => {
    expect(reasonOf(subject, drift)).toBe(reason)
  })
})

it.each([
  ['sha256:3f2c1a9b77e0d1c2b3a4', '3f2c1a9'],
  ['main@sha1:3f2c1a9b77e0d1c2b3a4', 'main@3f2c1a9'],
  ['feature/x@sha1:3f2c1a9b77e0d1c2b3a4', 'feature/x@3f2c1a9'],
  ['r1', 'r1'],
])('shortens the revision %s to %s', (revision, short) => {
  expect(shortRevision(revision)).toBe(short)
})
