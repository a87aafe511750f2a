/** The half of the benchmark that runs in a page: one end of one library, driven by the other half through `globalThis.bench`. */

import type { Adapter, Connection, Endpoint, Site } from './adapter.ts'

/** What the receiver saw, from the first delivery to the last. */
export interface Received {
  readonly bytes: number
  /** Without the first delivery, whose time on the way is not seen. */
  readonly bytesPerSecond: number
  /** When the last came, Unix time in milliseconds: both pages have the same clock. */
  readonly endedAt: number
}

const pingBytes = 64

class Bench {
  readonly #adapter: Adapter
  #endpoint: Endpoint | undefined
  #connection: Promise<Connection> | undefined
  readonly #ping = new Uint8Array(pingBytes)
  #onMessage: (bytes: number) => void = () => {}
  #received: Promise<Received> | undefined

  constructor(adapter: Adapter) {
    this.#adapter = adapter
  }

  get preservesMessages(): boolean {
    return this.#adapter.preservesMessages
  }

  async open(site: Site): Promise<void> {
    this.#endpoint = await this.#adapter.open(site)
  }

  ready(round: number, invitation: string): Promise<string> {
    return this.#endpoint!.ready(round, invitation)
  }

  /** Begins to wait for a dialler, whose every message is sent back. */
  answer(round: number): void {
    const connection = this.#endpoint!.answer(round, (bytes) => this.#onMessage(bytes))
    this.#connection = connection
    this.#onMessage = () => void connection.then((it) => it.send(this.#ping))
    connection.catch(() => {})
  }

  /** Milliseconds from dialling to the arrival of the answer to the first message. */
  async dial(round: number): Promise<number> {
    const replied = new Promise<void>((resolve) => {
      this.#onMessage = () => resolve()
    })
    const start = performance.now()
    this.#connection = this.#endpoint!.dial(round, (bytes) => this.#onMessage(bytes))
    const connection = await this.#connection
    connection.send(this.#ping)
    await replied
    return performance.now() - start
  }

  /**
   * Once the other end is to receive: sends `totalBytes`, in messages of `messageBytes` or as large as the library takes. Resolves with
   * the Unix time in milliseconds of the first.
   */
  async send(messageBytes: number, totalBytes: number): Promise<number> {
    const connection = await this.#connection!
    const pieceBytes = Math.min(messageBytes, this.#adapter.maxMessageBytes)
    const message = crypto.getRandomValues(new Uint8Array(Math.min(pieceBytes, 65_536)))
    const whole = new Uint8Array(pieceBytes)
    for (let at = 0; at < pieceBytes; at += message.length) whole.set(message, at)
    const startedAt = Date.now()
    await connection.sendMany(whole, totalBytes / pieceBytes)
    return startedAt
  }

  /** Begins to count. What arrives beyond `totalBytes` is an error of the library's. */
  receive(messageBytes: number, totalBytes: number): void {
    const pieceBytes = Math.min(messageBytes, this.#adapter.maxMessageBytes)
    this.#received = new Promise((resolve, reject) => {
      let bytes = 0
      let firstBytes = 0
      let firstAt = 0
      this.#onMessage = (length) => {
        if (bytes === 0) {
          firstBytes = length
          firstAt = performance.now()
        }
        bytes += length
        if (this.#adapter.preservesMessages && length !== pieceBytes)
          reject(new Error(`a message of ${length} bytes instead of ${pieceBytes}`))
        if (bytes < totalBytes) return
        const seconds = (performance.now() - firstAt) / 1000
        if (bytes > totalBytes) reject(new Error(`${bytes} bytes instead of ${totalBytes}`))
        const bytesPerSecond = (bytes - firstBytes) / seconds
        resolve({ bytes, bytesPerSecond, endedAt: Date.now() })
      }
    })
    this.#received.catch(() => {})
  }

  received(): Promise<Received> {
    return this.#received!
  }

  /** From now on every message is answered by one of 64 bytes. */
  async echo(): Promise<void> {
    const connection = await this.#connection!
    this.#onMessage = () => connection.send(this.#ping)
  }

  /** Mean milliseconds of round trips, one after the other. */
  async roundTrips(count: number): Promise<number> {
    const connection = await this.#connection!
    const start = performance.now()
    for (let trip = 0; trip < count; trip++) {
      await new Promise<void>((resolve) => {
        this.#onMessage = () => resolve()
        connection.send(this.#ping)
      })
    }
    return (performance.now() - start) / count
  }

  async close(): Promise<void> {
    await (await this.#connection)?.close()
    this.#connection = undefined
  }

  /** Holds this page's main thread. */
  block(durationMs: number): void {
    const end = performance.now() + durationMs
    while (performance.now() < end);
  }

  /** The longest time for which the main thread was held by something else. */
  async longestPauseMs(durationMs: number): Promise<number> {
    const end = performance.now() + durationMs
    let longest = 0
    for (let last = performance.now(); last < end;) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      const now = performance.now()
      longest = Math.max(longest, now - last)
      last = now
    }
    return longest
  }
}

declare global {
  var bench: Bench
}

const file = new URLSearchParams(location.search).get('adapter')!
const { adapter } = (await import(/* @vite-ignore */ `./${file}.js`)) as { adapter: Adapter }
globalThis.bench = new Bench(adapter)
