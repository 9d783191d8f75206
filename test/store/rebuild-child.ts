import { argv, stdout } from 'node:process'
import { openStore } from '../../src/store/open.ts'
import { planFor, shapeOf } from './table-shapes.ts'

// Widens every column of table `t` and says when it begins; somebody kills it on the way.
const store = await openStore(argv[2] ?? '')
const steps = await planFor(store, shapeOf('t', { n: 'bigint', v: 'text' }, { key: ['n'], indexes: [['v']] }))
stdout.write('begin\n')
for (const step of steps) await store.tables.execute(step.sql, AbortSignal.timeout(60_000))
stdout.write('done\n')
await store[Symbol.asyncDispose]()
