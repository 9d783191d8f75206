import type { JsMsg } from '@nats-io/jetstream'
import type { Clock } from '../clock.ts'
import type { Log } from '../stream/connector.ts'
import type { NatsClient } from './nats-client.ts'

/** A message on its way: its place in the stream, which stays, and where to answer, which a new delivery changes. */
export interface Receipt {
  readonly sequence: number
  reply: string
  acked: boolean
}

export interface ReceiptsParts {
  readonly client: NatsClient
  readonly clock: Clock
  readonly log: Log
}

const ACK = new TextEncoder().encode('+ACK')
const NAK = new TextEncoder().encode('-NAK')
const WORKING = new TextEncoder().encode('+WPI')
const never = new AbortController().signal

/** What one process owes to a consumer of JetStream: an answer for each message that was delivered to it. */
export class Receipts {
  readonly #parts: ReceiptsParts
  /** By place in the stream, until the server confirmed the acknowledgement. */
  readonly #open = new Map<number, Receipt>()
  #owed: Receipt[] = []
  #telling: Promise<void> | undefined

  constructor(parts: ReceiptsParts) {
    this.#parts = parts
  }

  /** How many messages are on their way, those included whose acknowledgement the server has not confirmed. */
  get size(): number {
    return this.#open.size
  }

  /** Takes a delivery down; undefined when the message is on its way already: the new delivery is answered then. */
  add(message: JsMsg): Receipt | undefined {
    const known = this.#open.get(message.seq)
    if (known === undefined) {
      const receipt = { sequence: message.seq, reply: replyOf(message), acked: false }
      this.#open.set(message.seq, receipt)
      return receipt
    }
    known.reply = replyOf(message)
    if (known.acked) this.ack([known])
    return undefined
  }

  /** Gives back what was taken down and not handed on. */
  giveBack(receipts: readonly Receipt[]): void {
    const { client } = this.#parts
    for (const { sequence, reply } of receipts) {
      this.#open.delete(sequence)
      if (client.isConnected) client.vendor.publish(reply, NAK)
    }
  }

  /** Acknowledges; what the server may not have seen is told again. */
  ack(receipts: readonly Receipt[]): void {
    for (const receipt of receipts) {
      receipt.acked = true
      this.#owed.push(receipt)
    }
    this.#telling ??= this.#tell().finally(() => {
      this.#telling = undefined
    })
  }

  /** Gives a sign of life for everything on its way, again and again. Never throws. */
  async keepAlive(everyMs: () => number, until: AbortSignal): Promise<void> {
    const { client, clock, log } = this.#parts
    while (!until.aborted) {
      try {
        await clock.sleep(everyMs(), until)
        if (!client.isConnected) continue
        await this.#tell()
        for (const { reply, acked } of this.#open.values()) if (!acked) client.vendor.publish(reply, WORKING)
      } catch (error) {
        if (!until.aborted) log.debug({ error: String(error) }, 'jetstream signs of life not given')
      }
    }
  }

  /**
   * Tells the last acknowledgements, and gives back what was not acknowledged, to whoever asks next. `look` asks the
   * server for the consumer. Never throws.
   */
  async close(look: () => Promise<unknown>): Promise<void> {
    const { client, log } = this.#parts
    await this.#telling
    if (!client.isConnected) return
    await this.#tell()
    try {
      // Being asked, the server forgets requests that nobody waits for; it would answer them with what is given back.
      await client.inTime(look(), never)
      for (const { reply, acked } of this.#open.values()) if (!acked) client.vendor.publish(reply, NAK)
      await client.flush(never)
    } catch (error) {
      log.debug({ error: String(error) }, 'jetstream messages not given back; they come again when their time is over')
    }
  }

  /** Never throws. */
  async #tell(): Promise<void> {
    const { client, log } = this.#parts
    // Several acknowledgements of one turn go together.
    await Promise.resolve()
    while (this.#owed.length > 0) {
      const told = this.#owed
      this.#owed = []
      try {
        for (const { reply } of told) client.vendor.publish(reply, ACK)
        await client.flush(never)
        for (const { sequence } of told) this.#open.delete(sequence)
      } catch (error) {
        this.#owed = [...told, ...this.#owed]
        log.debug({ error: String(error), messages: this.#owed.length }, 'jetstream acknowledgements are owed')
        return
      }
    }
  }
}

/** Where the answer to a delivery goes; the vendor's type keeps it to itself. */
function replyOf(message: JsMsg): string {
  return (message as JsMsg & { readonly reply: string }).reply
}
