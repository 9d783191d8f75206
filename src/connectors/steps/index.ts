import { aggregateStep } from './aggregate.ts'
import { dedupeStep } from './dedupe.ts'
import { explodeStep } from './explode.ts'
import { filterStep } from './filter.ts'
import { flattenStep } from './flatten.ts'
import { removeStep } from './remove.ts'
import { renameStep } from './rename.ts'
import { routeStep } from './route.ts'
import { sampleStep } from './sample.ts'
import { setStep } from './set.ts'
import { throttleStep } from './throttle.ts'

/** Every step type there is, by its key in a workflow. */
export const steps = {
  filter: filterStep,
  set: setStep,
  remove: removeStep,
  rename: renameStep,
  flatten: flattenStep,
  explode: explodeStep,
  route: routeStep,
  dedupe: dedupeStep,
  throttle: throttleStep,
  aggregate: aggregateStep,
  sample: sampleStep,
} as const
