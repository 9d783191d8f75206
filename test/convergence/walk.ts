import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Plan } from '../../src/reconcile/plan.ts'
import type { Home } from '../store/homes.ts'
import { differences } from './compare.ts'
import { type Edit, Fleet, type Round } from './edits.ts'
import { slots, writeFleet } from './fleet.ts'
import { records, writeData } from './records.ts'
import { type Failed, liveStation, restStation, type Station } from './station.ts'
import { seenTables } from './witness.ts'

/** Walks a history on one database and throws at the first thing that does not follow the manifests. */
export async function walk(rounds: readonly Round[], home: Home, fresh: Home): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'hermes-convergence-'))
  await using api = await versionApi()
  try {
    await using walker = new Walker(home, directory, api.url)
    await writeData(join(directory, 'data'))
    for (const round of rounds) await walker.round(round)
    await walker.conclude()
    await using other = new Walker(fresh, directory, api.url, walker.fleet)
    await other.conclude()
    const found = await differences(home, fresh, walker.fleet)
    if (found.length > 0) throw new Error(`it matters how it came about:\n${found.join('\n')}`)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

class Walker implements AsyncDisposable {
  readonly fleet: Fleet
  readonly #home: Home
  readonly #directory: string
  readonly #apiUrl: string
  #station: Station | undefined
  #live = false

  constructor(home: Home, directory: string, apiUrl: string, fleet = new Fleet()) {
    this.#home = home
    this.#directory = directory
    this.#apiUrl = apiUrl
    this.fleet = fleet
  }

  async round({ edits, approve }: Round): Promise<void> {
    for (const edit of edits) {
      this.fleet.edit(edit)
      if (edit.do === 'restart') await this.#restart(edit.live)
      await byHand(this.#home, edit)
    }
    await this.#settle(approve)
  }

  /** Everything in order, everything approved, everything fetched: now nothing may be left to do. */
  async conclude(): Promise<void> {
    this.fleet.conclude()
    await this.#settle(true)
    const station = await this.#open()
    await station.run(this.fleet.sources.filter(({ suspend }) => !suspend).map(({ name }) => name))
    const plan = await this.#settle(true)
    const left = [...plan.resources, ...plan.held, ...plan.problems]
    if (left.length > 0) throw new Error(`something is left at the end: ${JSON.stringify(left, null, 1)}`)
  }

  async #settle(approve: boolean): Promise<Plan> {
    const { sources, broken, vanished } = this.fleet
    const directory = join(this.#directory, 'manifests')
    if (vanished) await rm(directory, { recursive: true, force: true })
    await writeFleet(directory, this.#apiUrl, vanished ? [] : sources, broken)
    const station = await this.#open()
    let { failed, plan } = await station.settle()
    // Each approval may bring the next change to light.
    for (let turns = approve ? 8 : 0; turns > 0 && hashesOf(plan).size > 0; turns -= 1) {
      await station.approve(hashesOf(plan))
      ;({ failed, plan } = await station.settle())
    }
    const problem = plan.problems.find(
      ({ at, code }) => code !== 'table_conflict' && !broken.has(slots.indexOf(at.file)),
    )
    if (problem !== undefined) throw new Error(`a problem: ${JSON.stringify(problem)}`)
    checkSettled(failed, plan, approve)
    return plan
  }

  async #restart(live: boolean): Promise<void> {
    await this[Symbol.asyncDispose]()
    this.#live = live
  }

  async #open(): Promise<Station> {
    const open = this.#live ? liveStation : restStation
    this.#station ??= await open(this.#directory, this.#home.url)
    return this.#station
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const station = this.#station
    this.#station = undefined
    await station?.[Symbol.asyncDispose]()
  }
}

function hashesOf(plan: Plan): ReadonlySet<string> {
  return new Set(plan.resources.flatMap(({ blocked }) => (blocked === undefined ? [] : [blocked.approval])))
}

/** What somebody does to the database who knows nothing of Hermes. */
async function byHand(home: Home, edit: Edit): Promise<void> {
  if (!('pick' in edit) || !/^(drop|empty)/.test(edit.do)) return
  const tables = [...(await seenTables(home))]
  const [name, table] = tables[edit.pick % Math.max(1, tables.length)] ?? []
  if (name === undefined || table === undefined) return
  const indexed = table.indexes.join()
  const column = [...table.columns].find(([each, type]) => !/ (key|required)$/.test(type) && !indexed.includes(each))
  const index = table.indexes[0]?.split(':')[0]
  if (edit.do === 'drop table') await home.witness(`DROP TABLE "${name}"`)
  if (edit.do === 'empty table') await home.witness(`DELETE FROM "${name}"`)
  if (edit.do === 'drop index' && index !== undefined) await home.witness(`DROP INDEX "${index}"`)
  if (edit.do === 'drop column' && column !== undefined)
    await home.witness(`ALTER TABLE "${name}" DROP COLUMN "${column[0]}"`)
}

/** What keeps a fetch or a table from its work while the manifests are at odds, or wait for a person. */
const expected = /^(table_?conflict|not_?converged)$/i

/** Invariant 2: what is not blocked, and waits for nothing that is, leaves nothing to do. */
function checkSettled(failed: readonly Failed[], plan: Plan, approve: boolean): void {
  const stuck = plan.resources.some(({ blocked }) => blocked !== undefined)
  const atOdds = stuck || plan.problems.some(({ code }) => code === 'table_conflict')
  const odd = failed.filter(({ code }) => !atOdds || !expected.test(code))
  if (odd.length > 0) throw new Error(`failed: ${JSON.stringify(odd, null, 1)}`)
  const left = plan.resources.filter((each) => !atOdds || (each.blocked === undefined && each.waitsFor === undefined))
  if (left.length > 0) throw new Error(`left to do: ${JSON.stringify(left, null, 1)}`)
  if (approve && stuck) throw new Error(`approved and still blocked: ${JSON.stringify(plan.resources, null, 1)}`)
}

/** Serves `/v0` … as JSON, whatever it is asked for besides. */
async function versionApi(): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    const version = Number(/^\/v(\d)/.exec(request.url ?? '')?.[1])
    response.setHeader('content-type', 'application/json')
    response.end(`[${records(version).join(',')}]`)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}
