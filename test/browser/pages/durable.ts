/**
 * A peer for tests that disturb it: what its handler was given is in a ledger that outlives the page. `?relay=` names its relay,
 * `?name=` its identity. Where the test offers `enterLedger` and `noteAccepted`, the ledgers are the test's, so that they outlive the browser.
 */

import { Identity, Mesh, type Link } from '../../../lib/index.ts'
import { writes } from './strict-writes.ts'

/** One call of the handler. */
export type Entry = readonly [n: number, id: string, redelivered: boolean]

declare global {
  var durable: Promise<DurablePeer>
  var enterLedger: ((entry: Entry) => Promise<void>) | undefined
  var noteAccepted: ((n: number) => Promise<void>) | undefined
}

const query = new URLSearchParams(location.search)
const name = query.get('name') ?? 'test'

/** Lists in `localStorage`, one record an item: they survive whatever happens to the page next. */
function append(kind: string, item: unknown): void {
  const list = `${name}/${kind}`
  const length = Number(localStorage.getItem(list) ?? 0)
  localStorage.setItem(`${list}/${length}`, JSON.stringify(item))
  localStorage.setItem(list, String(length + 1))
}

function read<T>(kind: string): T[] {
  const list = `${name}/${kind}`
  const length = Number(localStorage.getItem(list) ?? 0)
  const item = (_: unknown, at: number) => JSON.parse(localStorage.getItem(`${list}/${at}`)!) as T
  return Array.from({ length }, item)
}

/** `?slow=`: a transaction that writes to the outbox takes so many ms longer, so that a crash finds some under way. */
const slowMs = Number(query.get('slow') ?? 0)
const { put } = IDBObjectStore.prototype
const { commit } = IDBTransaction.prototype
const outboxes = new WeakMap<IDBTransaction, IDBObjectStore>()
IDBObjectStore.prototype.put = function (...args) {
  if (slowMs > 0 && this.name === 'outbox') outboxes.set(this.transaction, this)
  return put.apply(this, args)
}
IDBTransaction.prototype.commit = function () {
  const outbox = outboxes.get(this)
  const endMs = performance.now() + slowMs
  const hold = () => {
    if (!outbox || performance.now() >= endMs) commit.call(this)
    else outbox.get('nothing').onsuccess = hold
  }
  hold()
}

/** Asks the test to cut something before the first frame of the next data channel leaves; goes on when that is done. */
const cutKey = 'cut before the first frame'
const { send } = RTCDataChannel.prototype
const begun = new WeakSet<RTCDataChannel>()
RTCDataChannel.prototype.send = function (data: never) {
  if (!begun.has(this) && localStorage.getItem(cutKey)) {
    localStorage.removeItem(cutKey)
    const request = new XMLHttpRequest()
    request.open('GET', '/cut', false)
    request.send()
  }
  begun.add(this)
  send.call(this, data)
}

class DurablePeer {
  readonly mesh: Mesh
  #sent = Promise.resolve()

  constructor(mesh: Mesh) {
    this.mesh = mesh
    for (const link of mesh.links.values()) this.#serve(link)
    mesh.on('link', (link) => this.#serve(link))
  }

  #serve(link: Link): void {
    link.on('message', (message, { id, redelivered }) => {
      const entry: Entry = [(message as { n: number }).n, id, redelivered]
      if (globalThis.enterLedger) return globalThis.enterLedger(entry)
      append('ledger', entry)
    })
  }

  get link(): Link | undefined {
    return [...this.mesh.links.values()][0]
  }

  get state(): string {
    return this.link?.state ?? 'none'
  }

  get queued(): number {
    return this.link?.queued ?? 0
  }

  async invite(): Promise<string> {
    return (await this.mesh.invite()).toString()
  }

  async accept(ticket: string): Promise<void> {
    await this.mesh.accept(ticket)
  }

  /** Hands over messages numbered so, behind those before them; resolves when each is accepted, that is, stored. */
  send(from: number, count: number, atATime = count): Promise<void> {
    const sent = this.#sent.then(async () => {
      for (let n = from; n < from + count; n += atATime) await this.#sendTogether(n, atATime)
    })
    this.#sent = sent
    return sent
  }

  async #sendTogether(from: number, count: number): Promise<void> {
    const noted = globalThis.noteAccepted ?? ((n: number) => append('accepted', n))
    const stored: Promise<unknown>[] = []
    for (let n = from; n < from + count; n++) {
      const delivery = this.link!.send({ n })
      delivery.catch(() => {})
      stored.push(delivery.stored.then(() => noted(n)))
    }
    await Promise.all(stored)
  }

  get accepted(): number[] {
    return read('accepted')
  }

  get ledger(): Entry[] {
    return read('ledger')
  }

  /** Write transactions of this page, by table. */
  get writes(): Record<string, number> {
    return writes
  }

  cutBeforeFirstFrame(): void {
    localStorage.setItem(cutKey, '1')
  }
}

globalThis.durable = (async () => {
  const identity = await Identity.open({ name })
  return new DurablePeer(await Mesh.open({ identity, relays: query.getAll('relay') }))
})()
