import type { Log } from '../stream/connector.ts'
import type { PipelineLog } from './options.ts'

type Level = keyof PipelineLog

/** Logging as the parts want it over what a program gives; no secret's value passes. */
export function openLog(given: PipelineLog | false | undefined, mask: (text: string) => string): Log {
  const log = given === false ? silent : (given ?? onConsole)
  return logWith({}, (level, fields, message) => log[level](masked(fields, mask), message))
}

function logWith(known: object, write: (level: Level, fields: object, message: string) => void): Log {
  const at = (level: Level) => (fields: object, message: string) => write(level, { ...known, ...fields }, message)
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => logWith({ ...known, ...fields }, write),
  }
}

function masked(fields: object, mask: (text: string) => string): object {
  const all = Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? mask(value) : value])
  return Object.fromEntries(all) as object
}

const silent: PipelineLog = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

const onConsole: PipelineLog = {
  ...silent,
  warn: (fields, message) => console.warn(`hermes: ${message}`, fields),
  error: (fields, message) => console.error(`hermes: ${message}`, fields),
}
