/**
 * A page of the soak test. One is the hub: one identity, in IndexedDB, with a link to each of many peers. Another holds all of those,
 * each with an identity and a store of its own, in memory. Both number what they send on each link, and check the numbers that come.
 */

import { Identity, MemoryStore, Mesh, type Link } from '../../../lib/index.ts'

const hub = 'hub'
const burst = 5
const pauseMs = 200
const maxMessageBytes = 2_000
/** Bursts from one request to the next, and from one stream to the next. */
const requestEvery = 10
const streamEvery = 40
const streamBytes = 64 * 1024

/** The same for all ends, so that what is measured holds still. */
const stuff = crypto.getRandomValues(new Uint8Array(maxMessageBytes))

export interface Tally {
  readonly open: number
  readonly handled: number
  readonly answered: number
  readonly streamed: number
  /** Requests and streams that a session took with it. */
  readonly interrupted: number
  /** What came out of turn: anything but none is a fault. */
  readonly wrong: readonly string[]
}

export interface Storage {
  readonly bytes: number
  readonly records: Readonly<Record<string, number>>
}

const count = { handled: 0, answered: 0, streamed: 0, interrupted: 0 }
const wrong: string[] = []

const pause = (durationMs: number) => new Promise((resolve) => setTimeout(resolve, durationMs))

/** One side of one link, whatever becomes of its mesh. */
class End {
  link!: Link
  #isResting = false
  #sent = 0
  #received = 0
  #bursts = 0
  #stored: Promise<unknown> = Promise.resolve()

  /** Takes a link into use; after a mesh has been opened anew, another one of the same peer. */
  use(link: Link): void {
    this.link = link
    this.#isResting = false
    link.on('message', (message, { redelivered }) => {
      const { n } = message as { n: number }
      if (n === this.#received) {
        this.#received++
        count.handled++
      } else if (!redelivered || n > this.#received) {
        wrong.push(`${n} instead of ${this.#received} from ${link.peer}`)
      }
    })
    link.handle('echo', (params) => params)
    link.on('stream', ({ readable, writable }) => {
      void readable.pipeTo(writable).catch(() => {})
    })
  }

  /** Sends until `signal` says so. */
  async chat(signal: AbortSignal): Promise<void> {
    await pause(Math.random() * pauseMs)
    while (!signal.aborted) {
      if (!this.#isResting) this.#speak()
      await pause(pauseMs)
    }
  }

  #speak(): void {
    for (let i = 0; i < burst; i++) {
      const delivery = this.link.send({
        n: this.#sent++,
        stuff: stuff.subarray(0, Math.random() * maxMessageBytes),
      })
      delivery.catch(() => {})
      this.#stored = delivery.stored
    }
    this.#bursts++
    const extra = this.#ask()
    extra?.catch(() => void count.interrupted++)
  }

  #ask(): Promise<void> | undefined {
    if (this.#bursts % streamEvery === 0) return this.#stream()
    return this.#bursts % requestEvery === 0 ? this.#request() : undefined
  }

  async #request(): Promise<void> {
    const n = this.#sent
    if ((await this.link.request('echo', n)) !== n) wrong.push('another answer')
    count.answered++
  }

  async #stream(): Promise<void> {
    const { readable, writable } = await this.link.openStream('echo')
    const writer = writable.getWriter()
    await writer.write(new Uint8Array(streamBytes))
    await writer.close()
    let bytes = 0
    for await (const part of readable) bytes += part.length
    if (bytes !== streamBytes) wrong.push(`${bytes} bytes of a stream`)
    count.streamed++
  }

  /** Resolves when the peer has handled all. */
  async drained(): Promise<void> {
    await this.#stored
    while (this.link.queued > 0) await pause(20)
  }

  /** Sends no more until it has another link. Resolves when all that was sent is stored. */
  async rest(): Promise<void> {
    this.#isResting = true
    await this.#stored
  }
}

const ends: End[] = []
const identities: Identity[] = []
const meshes: Mesh[] = []
const relays = [`ws://${location.host}/relay`]

async function open(identity: Identity): Promise<Mesh> {
  const mesh = await Mesh.open({ identity, relays, signaling: [] })
  identities.push(identity)
  meshes.push(mesh)
  return mesh
}

function newEnd(link: Link): void {
  const end = new End()
  end.use(link)
  ends.push(end)
}

/** Records in the hub's tables. */
async function recordCounts(): Promise<Record<string, number>> {
  const opening = indexedDB.open(`handfast/${hub}`)
  const db = await new Promise<IDBDatabase>((resolve, reject) => {
    opening.onsuccess = () => resolve(opening.result)
    opening.onerror = () => reject(opening.error!)
  })
  const counts: Record<string, number> = {}
  for (const table of db.objectStoreNames) {
    const counting = db.transaction(table).objectStore(table).count()
    counts[table] = await new Promise((resolve) => {
      counting.onsuccess = () => resolve(counting.result)
    })
  }
  db.close()
  return counts
}

const page = {
  /** Opens the hub; resolves with the ticket by which the peers come. */
  async invite(peers: number): Promise<string> {
    const mesh = await open(await Identity.open({ name: hub }))
    mesh.on('link', newEnd)
    return (await mesh.invite({ uses: peers })).toString()
  },

  /** Opens another peer, which accepts the ticket. */
  async join(ticket: string): Promise<void> {
    const mesh = await open(await Identity.open({ store: new MemoryStore() }))
    newEnd(await mesh.accept(ticket))
  },

  /** All send for a while. Resolves when the other side has handled it. */
  async chat(durationMs: number): Promise<void> {
    const signal = AbortSignal.timeout(durationMs)
    await Promise.all(ends.map((end) => end.chat(signal)))
    await Promise.all(ends.map((end) => end.drained()))
  },

  /** Closes a peer's mesh and opens it again, as a reload does. */
  async reopen(which: number): Promise<void> {
    const end = ends[which]!
    await end.rest()
    await meshes[which]!.close()
    meshes[which] = await Mesh.open({ identity: identities[which]!, relays, signaling: [] })
    end.use([...meshes[which].links.values()][0]!)
  },

  tally(): Tally {
    return { ...count, wrong, open: ends.filter(({ link }) => link.state === 'open').length }
  },

  async storage(): Promise<Storage> {
    const { usage = 0 } = await navigator.storage.estimate()
    return { bytes: usage, records: await recordCounts() }
  },
}

declare global {
  var soak: typeof page
}

globalThis.soak = page
