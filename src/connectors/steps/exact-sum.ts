import { addDecimals, Decimal, decimalOf } from '../../manifest/expression-decimal.ts'

/** A double holds every decimal of 15 digits, and tells it from all others of as many. */
const limit = 1e15
const maxPlaces = 8
const powers = Array.from({ length: maxPlaces + 1 }, (_, places) => 10 ** places)

/**
 * A sum of decimals without rounding, the same whatever their order. Numbers of up to 15 digits and 8
 * decimal places are added as whole doubles, one sum for each count of places; all others as `Decimal`.
 */
export class ExactSum {
  /** By decimal places: the sum of such numbers, times ten to the power of them. */
  readonly #scaled: number[] = []
  #rest = new Decimal(0n, 0)

  /** A finite number, or a decimal. */
  add(value: number | Decimal): void {
    if (typeof value === 'number' && this.#addScaled(value)) return
    const decimal = typeof value === 'number' ? decimalOf(value) : value
    if (decimal !== undefined) this.#rest = addDecimals(this.#rest, decimal)
  }

  value(): Decimal {
    let sum = this.#rest
    for (const [scale, scaled] of this.#scaled.entries()) {
      if (scaled !== undefined) sum = addDecimals(sum, new Decimal(BigInt(scaled), scale))
    }
    return sum
  }

  /** False where that would not be exact. */
  #addScaled(value: number): boolean {
    for (const [places, power] of powers.entries()) {
      const units = Math.round(value * power)
      if (Math.abs(units) >= limit) return false
      if (units / power !== value) continue
      const sum = (this.#scaled[places] ?? 0) + units
      if (!Number.isSafeInteger(sum)) return false
      this.#scaled[places] = sum
      return true
    }
    return false
  }
}
