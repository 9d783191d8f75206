/** Days before 1970-01-01 and after, in the proleptic Gregorian calendar. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}

/** The number that two digits at `index` write, or -1. */
export function twoDigits(text: string, index: number): number {
  const tens = text.charCodeAt(index) - 48
  const ones = text.charCodeAt(index + 1) - 48
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1
}

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** Whether the text begins with a day of the years 0001 to 9999, `YYYY-MM-DD`. */
export function startsWithDate(text: string): boolean {
  const century = twoDigits(text, 0)
  const rest = twoDigits(text, 2)
  if (century < 0 || rest < 0 || text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45) return false
  const year = century * 100 + rest
  const month = twoDigits(text, 5)
  const day = twoDigits(text, 8)
  if (year < 1 || month < 1 || month > 12 || day < 1) return false
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return day <= (monthDays[month - 1] ?? 0) + (leap ? 1 : 0)
}

export function isDate(text: string): boolean {
  return text.length === 10 && startsWithDate(text)
}

/** Zeros to fill a fraction of a second up to microseconds, by the digits it has. */
const padding = ['000000', '00000', '0000', '000', '00', '0', '']

/**
 * A moment as canonical text, `YYYY-MM-DDTHH:MM:SS.ffffffZ`, from ISO 8601: any offset, up to nine digits of a second
 * (rounded to microseconds as PostgreSQL rounds), a space for the T. `zoned` asks for a time with seconds and a zone;
 * otherwise a date is midnight and a time without zone is UTC. Undefined for anything else.
 */
export function parseInstant(text: string, zoned: boolean): string | undefined {
  return utcInstant(text) ?? anyInstant(text, zoned)
}

/** The common form, without arithmetic: UTC by `Z`, at most six digits of a second. */
function utcInstant(text: string): string | undefined {
  const last = text.length - 1
  if (last < 19 || last > 26 || text.charCodeAt(last) !== 90 || text.charCodeAt(10) !== 84) return undefined
  if (!startsWithDate(text) || !isClock(text)) return undefined
  if (last === 19) return `${text.slice(0, 19)}.000000Z`
  if (last === 20 || text.charCodeAt(19) !== 46) return undefined
  for (let index = 20; index < last; index++) {
    const digit = text.charCodeAt(index)
    if (digit < 48 || digit > 57) return undefined
  }
  return last === 26 ? text : `${text.slice(0, last)}${padding[last - 20]}Z`
}

function isClock(text: string): boolean {
  const hour = twoDigits(text, 11)
  const minute = twoDigits(text, 14)
  const second = twoDigits(text, 17)
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false
  return text.charCodeAt(13) === 58 && text.charCodeAt(16) === 58
}

const form =
  /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?: ?([Zz]|[+-]\d{2}(?::?\d{2})?))?)?$/

function anyInstant(text: string, zoned: boolean): string | undefined {
  const match = form.exec(text)
  if (match === null || !startsWithDate(text)) return undefined
  const [, date = '', hour = '0', minute = '0', second, fraction = '0', zone] = match
  if (zoned && (second === undefined || zone === undefined)) return undefined
  const clock = secondsOfDay(Number(hour), Number(minute), Number(second ?? 0))
  const offset = offsetSeconds(zone ?? 'Z')
  if (clock === undefined || offset === undefined) return undefined
  const micros = roundHalfEven(Number(`0.${fraction}`) * 1_000_000)
  return formatInstant(daysOf(date) * 86_400 + clock - offset, micros)
}

/** 23:59:60 and 24:00:00 are the next day's midnight, as PostgreSQL has it. */
function secondsOfDay(hour: number, minute: number, second: number): number | undefined {
  const seconds = hour * 3600 + minute * 60 + second
  return minute > 59 || second > 60 || seconds > 86_400 || hour > 24 ? undefined : seconds
}

function offsetSeconds(zone: string): number | undefined {
  if (zone === 'Z' || zone === 'z') return 0
  const hours = twoDigits(zone, 1)
  const minutes = zone.length > 3 ? twoDigits(zone, zone.length - 2) : 0
  if (hours > 15 || minutes > 59) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 3600 + minutes * 60)
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}

export function daysOf(date: string): number {
  return daysFromCivil(twoDigits(date, 0) * 100 + twoDigits(date, 2), twoDigits(date, 5), twoDigits(date, 8))
}

const firstSecond = daysFromCivil(1, 1, 1) * 86_400
const lastSecond = daysFromCivil(10_000, 1, 1) * 86_400 - 1

/** Canonical text of seconds since the epoch and microseconds (0 to 1,000,000); undefined outside the years 0001 to 9999. */
export function formatInstant(seconds: number, micros: number): string | undefined {
  const carried = micros >= 1_000_000
  const whole = carried ? seconds + 1 : seconds
  if (!(whole >= firstSecond && whole <= lastSecond)) return undefined
  const fraction = String(carried ? micros - 1_000_000 : micros).padStart(6, '0')
  return `${new Date(whole * 1000).toISOString().slice(0, 19)}.${fraction}Z`
}

/** Canonical text of an epoch number: milliseconds from 1e11 on, seconds below. */
export function epochInstant(value: number): string | undefined {
  const perSecond = Math.abs(value) >= 1e11 ? 1000 : 1
  const seconds = Math.floor(value / perSecond)
  return formatInstant(seconds, Math.round(((value - seconds * perSecond) * 1_000_000) / perSecond))
}

/** Canonical text of milliseconds since the epoch. */
export function instantText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}000Z`
}

/** Milliseconds since the epoch of canonical text; what is finer is cut off. */
export function instantMs(text: string): number {
  return Date.parse(`${text.slice(0, 23)}Z`)
}
