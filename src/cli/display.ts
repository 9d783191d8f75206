/** How many columns of a terminal a text takes: marks and joiners none, East Asian wide characters and emoji two. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  let width = 0
  for (const character of text) width += invisible.test(character) ? 0 : wide.test(character) ? 2 : 1
  return width
}

const invisible = /^[\p{M}\p{Cf}]$/u
const wide =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}])$/u

/** The text in at most `width` columns; what is cut off ends in `…`. */
export function truncate(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  let kept = ''
  let used = 1
  for (const character of text) {
    used += displayWidth(character)
    if (used > width) break
    kept += character
  }
  return `${kept.trimEnd()}…`
}

/** On one line and without control characters: data must not steer the terminal. */
export function printable(text: string): string {
  return text.replace(/\s*[\r\n]\s*/g, ' ').replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')
}

/** A count; with thousands separators where a person reads it. */
export function formatCount(count: number, forPerson: boolean): string {
  return forPerson ? String(count).replace(/\B(?=(\d{3})+$)/g, ',') : String(count)
}

/** `1 page`, `1,200 pages`. */
export function counted(count: number, noun: string, forPerson: boolean): string {
  return `${formatCount(count, forPerson)} ${noun}${count === 1 ? '' : 's'}`
}

/** `512 B`, `1.2 MiB`, `340 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log(bytes * 1.024) / Math.log(1024)))
  const size = bytes / 1024 ** power
  return `${power === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[power]}`
}

/** `3m ago`, `in 12m`, `now`; `-` without a time. */
export function relativeTime(time: string | undefined, now: number): string {
  if (time === undefined) return '-'
  const ms = Date.parse(time) - now
  const span = roughDuration(Math.abs(ms))
  return span === '0s' ? 'now' : ms < 0 ? `${span} ago` : `in ${span}`
}

/** A duration by its two greatest units: `2d 3h`, `1h 5m`, `40s`. */
export function roughDuration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ]
  if (days > 0) return pair(days, 'd', hours, 'h')
  if (hours > 0) return pair(hours, 'h', minutes, 'm')
  return minutes > 0 ? pair(minutes, 'm', minutes < 10 ? seconds % 60 : 0, 's') : `${seconds}s`
}

function pair(great: number, greatUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${great}${greatUnit}` : `${great}${greatUnit} ${small}${smallUnit}`
}
