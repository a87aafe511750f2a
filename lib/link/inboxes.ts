/**
 * The inboxes of a link: each device of the peer has a log of its own, and an inbox here. Messages of each come in their order, one at a time
 * on the whole link; where several devices have some, in turn.
 */

import * as limits from '../base/limits.ts'
import { deferred } from '../base/deferred.ts'
import { Inbox, type InboxOptions, type Recipient, type Turns } from './inbox.ts'
import type { Position } from './progress.ts'
import type { Rights } from './rights.ts'
import { deviceOf, inboxKey, readPositions } from './log.ts'

export type InboxesOptions = Omit<
  InboxOptions,
  'key' | 'positions' | 'recipient' | 'turns' | 'rights'
> & {
  readonly peer: string
  /** Whether there is a session with a device of the peer. */
  readonly isThere: (device: Uint8Array) => boolean
  /** What a device of the peer may do, as it is at any time. */
  readonly rights: (device: Uint8Array) => Rights
}

export class Inboxes {
  readonly #options: InboxesOptions
  #recipient: Recipient | undefined
  readonly #turns = new InTurn()
  readonly #inboxes = new Map<string, Inbox>()
  /** As they were on disk, by key. */
  readonly #positions = deferred<Map<string, Position[]>>()
  #cancelLoad: () => void = () => {}
  #isClosed = false

  constructor(options: InboxesOptions) {
    this.#options = options
    void this.#load()
  }

  async #load(): Promise<void> {
    const { peer, log, runtime, onError } = this.#options
    try {
      const records = await log.store.transaction(['inbox'], { mode: 'read' }, (transaction) =>
        transaction.list('inbox', `${peer}/`),
      )
      const positions = records.map(({ key, value }) => [key, readPositions(value)] as const)
      this.#positions.resolve(new Map(positions))
    } catch (error) {
      if (this.#isClosed) return
      this.#cancelLoad = runtime.setTimer(limits.storeRetryMs, () => void this.#load())
      onError(error)
    }
  }

  /** That of a device of the peer. */
  of(device: Uint8Array): Inbox {
    const key = inboxKey(this.#options.peer, device)
    const known = this.#inboxes.get(key)
    if (known) return known
    const inbox = new Inbox({
      ...this.#options,
      key,
      positions: this.#positions.promise.then((positions) => positions.get(key) ?? []),
      recipient: () => this.#recipient,
      turns: this.#turns,
      rights: this.#options.rights(device),
    })
    this.#inboxes.set(key, inbox)
    void this.#prune()
    return inbox
  }

  /** Of too many, those not there since this page began go first, then those that came first. */
  async #prune(): Promise<void> {
    const positions = await this.#positions.promise
    const keys = [...positions.keys()].filter((key) => !this.#inboxes.has(key))
    keys.push(...this.#inboxes.keys())
    const away = keys.filter((key) => !this.#options.isThere(deviceOf(key)))
    const excess = Math.max(0, keys.length - limits.maxInboxesPerPeer)
    const forgotten = new Set(away.slice(0, excess))
    if (forgotten.size > 0) await this.#forget((key) => forgotten.has(key))
  }

  /** To whom messages go from now on; to nobody: they wait. */
  handTo(recipient: Recipient | undefined): void {
    this.#recipient = recipient
    if (recipient) this.deliver()
  }

  /** Hands over what waits, as far as it can. */
  deliver(): void {
    for (const inbox of this.#inboxes.values()) inbox.deliver()
  }

  /** Nothing more of these devices is handed over, and nothing remembered of them. */
  forget(isMeant: (device: Uint8Array) => boolean): Promise<void> {
    return this.#forget((key) => isMeant(deviceOf(key)))
  }

  async #forget(isMeant: (key: string) => boolean): Promise<void> {
    const { log, onError } = this.#options
    const forgotten = [...this.#inboxes.keys()].filter(isMeant)
    for (const key of forgotten) {
      this.#inboxes.get(key)!.close()
      this.#inboxes.delete(key)
    }
    const positions = await this.#positions.promise
    forgotten.push(...[...positions.keys()].filter(isMeant))
    for (const key of forgotten) positions.delete(key)
    try {
      await log.commits.run(
        async (transaction) => {
          for (const key of forgotten) await transaction.delete('inbox', key)
        },
        () => ['inbox'],
      )
    } catch (error) {
      onError(error)
    }
  }

  close(): void {
    this.#isClosed = true
    this.#cancelLoad()
    for (const inbox of this.#inboxes.values()) inbox.close()
  }
}

/** One hands over at a time; then whoever has waited the longest. */
class InTurn implements Turns {
  #holder: Inbox | undefined
  readonly #waiting = new Set<Inbox>()

  /** Returns whether it is its turn; else it is called when it is. */
  take(inbox: Inbox): boolean {
    if (this.#holder) this.#waiting.add(inbox)
    else this.#holder = inbox
    return this.#holder === inbox
  }

  pass(): void {
    this.#holder = undefined
    for (const next of this.#waiting) {
      if (this.#holder) return
      this.#waiting.delete(next)
      next.deliver()
    }
  }
}
