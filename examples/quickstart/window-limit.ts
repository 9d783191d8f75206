/** At most `requests` within each window of `perMs`; the answer says whether one more may pass at `now`. */
export function windowLimit(requests: number, perMs: number): (now: number) => boolean {
  let window = -1
  let used = 0
  return (now) => {
    const current = Math.floor(now / perMs)
    if (current !== window) {
      window = current
      used = 0
    }
    used += 1
    return used <= requests
  }
}
