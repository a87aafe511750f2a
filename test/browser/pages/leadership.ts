/**
 * One tab of several that elect a leader. Times are of the wall clock, which the tabs share.
 */

import { systemRuntime } from '../../../lib/base/runtime.ts'
import { Leadership } from '../../../lib/mesh/leadership.ts'
import { openTabHub, type TabHub } from '../../../lib/mesh/tab-hub.ts'
import { acceptTabChannels, openTabChannel } from '../../../lib/mesh/tab-channel.ts'
import { TabSession } from '../../../lib/mesh/tab-session.ts'
import type { LinkStream } from '../../../lib/link/streams.ts'
import { FencedStore, takeLead } from '../../../lib/storage/fenced-store.ts'
import { IdbStore } from '../../../lib/storage/idb-store.ts'
import type { Channel } from '../../../lib/transport/transport.ts'
import type { Role } from '../../../lib/crypto/noise.ts'

interface Seen {
  readonly what: 'lead' | 'follow' | 'lost'
  readonly atMs: number
}

const never = new AbortController().signal
let hub: TabHub
let leadership: Leadership
let store: IdbStore
let fenced: FencedStore | undefined
let session: TabSession | undefined
const seen: Seen[] = []

const makeSession = (role: Role, channel: Channel) =>
  new TabSession({
    channel,
    role,
    runtime: systemRuntime,
    handlers: new Map([['double', (n: unknown) => Number(n) * 2]]),
    acceptStream: (stream) => {
      void count(stream)
      return true
    },
  })

/** Answers a stream with how many bytes it had. */
async function count({ readable, writable }: LinkStream): Promise<void> {
  let bytes = 0
  const reader = readable.getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    bytes += next.value.length
  }
  const writer = writable.getWriter()
  await writer.write(new TextEncoder().encode(String(bytes)))
  await writer.close()
}

const tab = {
  async join(name: string): Promise<void> {
    hub = await openTabHub(name, systemRuntime)
    store = await IdbStore.open(name)
    leadership = new Leadership({ hub, runtime: systemRuntime, store })
    const note = (what: Seen['what']) => seen.push({ what, atMs: Date.now() })
    leadership.on('lead', ({ generation }) => {
      note('lead')
      fenced = new FencedStore(store, generation)
    })
    leadership.on('follow', () => note('follow'))
    leadership.on('lost', () => note('lost'))
    acceptTabChannels({ hub, runtime: systemRuntime }, (channel) => {
      makeSession('responder', channel)
    })
  },

  seen: () => seen,
  leads: () => leadership.leads,

  /** Another leads from now on, and this tab is not told. */
  usurp: async (): Promise<void> => void (await takeLead(store, systemRuntime)),

  /** What becomes of a write under the generation this tab last led with. */
  write: (): Promise<string> =>
    fenced!
      .transaction(['outbox'], { mode: 'write' }, (tx) => tx.put('outbox', 'a', 1))
      .then(
        () => 'written',
        ({ code }: { code: string }) => code,
      ),

  /** Notes when the page was last sure to run: a frozen one notes nothing. */
  now: () => Date.now(),

  async ask(n: number): Promise<unknown> {
    const to = leadership.leaderId!
    session ??= makeSession('initiator', openTabChannel({ hub, runtime: systemRuntime }, to))
    return session.request('double', n, never)
  },

  /** Sends so many bytes on a stream; returns how many the leader had, and the time it took. */
  async stream(megabytes: number): Promise<{ bytes: number; tookMs: number }> {
    const startMs = performance.now()
    const { readable, writable } = session!.openStream('bytes')
    const writer = writable.getWriter()
    const chunk = new Uint8Array(64 * 1024)
    for (let i = 0; i < megabytes * 16; i++) await writer.write(chunk)
    await writer.close()
    const bytes = Number(
      await new Response(readable as ReadableStream<Uint8Array<ArrayBuffer>>).text(),
    )
    return { bytes, tookMs: performance.now() - startMs }
  },

  /** Resolves with the time it took until the session with the leader has ended. */
  sessionEnd: () => session!.ended,
}

declare global {
  var tab: typeof import('./leadership.ts').default
}

globalThis.tab = tab

export default tab
