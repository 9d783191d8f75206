import { parseLsn } from './postgres-lsn.ts'
import { type ChangesPosition, isSamePlace } from './postgres-position.ts'

/** How far the server may let go of its log: never past what was given and is not acknowledged. */
export class HeldPlace {
  #given: ChangesPosition | undefined
  #acked: ChangesPosition | undefined
  /** Everything before it was given, or concerned nobody. */
  #reached = 0n
  #confirmed = 0n

  /** What was given before is durable up to here, or will never be heard of again. */
  begin(place: ChangesPosition | undefined): void {
    this.#given = place
    this.#acked = place
    this.#reached = 0n
    this.#confirmed = behind(place)
  }

  give(place: ChangesPosition): void {
    this.#given = place
  }

  ack(place: ChangesPosition): void {
    this.#acked = place
    this.#confirm(behind(place))
  }

  /** Told with the log's place when nothing before it is still to be given. */
  reach(lsn: bigint): void {
    this.#reached = lsn
  }

  /** Everything before this place is durable. */
  get confirmed(): bigint {
    if (this.#given !== undefined && this.#acked !== undefined && isSamePlace(this.#given, this.#acked)) {
      this.#confirm(this.#reached)
    }
    return this.#confirmed
  }

  #confirm(lsn: bigint): void {
    if (lsn > this.#confirmed) this.#confirmed = lsn
  }
}

function behind(place: ChangesPosition | undefined): bigint {
  return place?.flush === undefined ? 0n : parseLsn(place.flush)
}
