/**
 * One tab of an identity, `?name=`, that tells the test what it handles as it does. Times are of the wall clock, which all
 * pages of a machine share.
 */

import './strict-writes.ts'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { Identity, Mesh, type Link } from '../../../lib/index.ts'
import { openTabHub } from '../../../lib/mesh/tab-hub.ts'

export interface Message {
  readonly from: string
  readonly n: number
  readonly sentMs: number
}

export interface Note {
  /** `left`: the page. */
  readonly what: 'accepted' | 'delivered' | 'handled' | 'left' | 'leads'
  readonly by: string
  readonly atMs: number
  readonly message?: Message
  readonly id?: string
  readonly redelivered?: boolean
  /** Of whom leads. */
  readonly generation?: number
}

declare global {
  /** The test's. */
  function note(note: Note): Promise<void>
  var testTab: Promise<TestTab>
}

/** By way of a page that nobody kills, `?collect`: what a dying one tells the test itself may be lost. */
const notes = new BroadcastChannel('notes')
const tell = (note: Note) => notes.postMessage(note)

class TestTab {
  readonly id: string
  readonly mesh: Mesh
  readonly errors: string[] = []
  #next = 0
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(id: string, mesh: Mesh) {
    this.id = id
    this.mesh = mesh
    for (const link of mesh.links.values()) this.#serve(link)
    mesh.on('link', (link) => this.#serve(link))
    addEventListener('pagehide', () => tell({ what: 'left', by: id, atMs: Date.now() }))
  }

  #serve(link: Link): void {
    link.on('message', (sent, { id, redelivered }) => {
      const message = sent as Message
      tell({ what: 'handled', by: this.id, atMs: Date.now(), message, id, redelivered })
    })
    link.handle('who', () => this.id)
  }

  get link(): Link {
    return [...this.mesh.links.values()][0]!
  }

  get state(): string {
    return this.link?.state ?? 'none'
  }

  invite = async () => String(await this.mesh.invite())
  accept = async (ticket: string) => void (await this.mesh.accept(ticket))
  ask = async () => String(await this.link.request('who'))
  now = () => Date.now()

  start(everyMs: number): void {
    this.#timer = setInterval(() => this.#send(), everyMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #send(): void {
    const message = { from: this.id, n: this.#next++, sentMs: Date.now() }
    const say = (what: Note['what']) => tell({ what, by: this.id, atMs: Date.now(), message })
    const fail = (error: unknown) => void this.errors.push(String(error))
    const delivery = this.link.send(message)
    delivery.stored.then(() => say('accepted'), fail)
    delivery.then(() => say('delivered'), fail)
  }

  /** Runs nothing else for so long. */
  hang(ms: number): void {
    const endMs = Date.now() + ms
    while (Date.now() < endMs);
  }
}

const query = new URLSearchParams(location.search)
if (query.has('collect')) collect(query.get('name')!)
else globalThis.testTab = join(query.get('name')!)

/** Also who leads the tabs of that name, and since when: no tab that may hang is asked. */
function collect(name: string): void {
  notes.onmessage = ({ data }: MessageEvent<Note>) => void note(data)
  let latest = 0
  new BroadcastChannel(`handfast/${name}`).onmessage = ({ data }: MessageEvent<unknown[]>) => {
    const [kind, from, of] = data
    const generation = Number(of)
    if (kind !== 'beat' || generation <= latest) return
    latest = generation
    void note({ what: 'leads', by: String(from), atMs: Date.now(), generation })
  }
}

async function join(name: string): Promise<TestTab> {
  const tabs = await openTabHub(name, systemRuntime)
  const identity = await Identity.open({ name })
  const relays = [`ws://${location.host}/relay`]
  return new TestTab(tabs.id, await Mesh.open({ identity, relays, tabs }))
}
