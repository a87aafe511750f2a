import { afterEach, expect, test } from 'vitest'
import { Identity } from '../../../lib/identity/identity.ts'
import type { Link } from '../../../lib/link/link.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { type RelayConnection, RelayCore } from '../../../lib/relay/core.ts'
import type { RelaySocket } from '../../../lib/signaling/relay-client.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { World } from '../../support/memory-peers.ts'
import { TimeLine, virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

const line = new TimeLine()
const runtime = virtualRuntime({ turns: 4 }, line)

async function passing<T>(promise: Promise<T>, stepMs = 1): Promise<T> {
  const state = { isDone: false }
  const done = () => void (state.isDone = true)
  promise.then(done, done)
  while (!state.isDone) await runtime.advance(stepMs)
  return promise
}

/** A relay that is killed and comes back, and sockets to it. */
class MortalRelay {
  #core: RelayCore | undefined = new RelayCore({ runtime })
  readonly #sockets = new Set<{ onclose: ((event: never) => void) | null }>()

  kill(): void {
    this.#core = undefined
    for (const socket of this.#sockets) socket.onclose?.(undefined as never)
    this.#sockets.clear()
  }

  restart(): void {
    this.#core = new RelayCore({ runtime })
  }

  connect(socket: RelaySocket): void {
    const core = this.#core
    if (!core) return void socket.onclose?.(undefined as never)
    this.#sockets.add(socket)
    const own = (then: () => void) =>
      queueMicrotask(() => {
        if (this.#sockets.has(socket)) then()
      })
    const connection: RelayConnection = {
      address: 'peer',
      bufferedBytes: 0,
      ping: () => core.alive(connection),
      close: () => socket.onclose?.(undefined as never),
      send: (bytes) => own(() => socket.onmessage?.({ data: bytes.slice().buffer } as never)),
    }
    socket.send = (bytes) => own(() => core.receive(connection, bytes))
    socket.close = () => {
      this.#sockets.delete(socket)
      core.disconnect(connection)
    }
    core.connect(connection)
  }
}

const relay = new MortalRelay()

class Socket implements RelaySocket {
  binaryType = ''
  onmessage: RelaySocket['onmessage'] = null
  onclose: RelaySocket['onclose'] = null
  onerror: RelaySocket['onerror'] = null

  constructor() {
    runtime.setTimer(1, () => relay.connect(this))
  }

  send(_message: Uint8Array): void {}
  close(): void {}
}

const world = new World(runtime)
afterEach(() => passing(world.close(), 500))

const peer = async (own: VirtualRuntime): Promise<Mesh> => {
  const identity = await passing(Identity.open({ store: new MemoryStore(), runtime: own }))
  const relays = ['ws://127.0.0.1:8787']
  const { mesh } = await passing(world.peer({ identity, relays, signaling: [], WebSocket: Socket }))
  return mesh
}

test('peers meet within 10 s of the return of their relay, however long it was away', async () => {
  const [alice, bob] = [
    await peer(virtualRuntime({ seed: 10, turns: 4 }, line)),
    await peer(virtualRuntime({ seed: 11, turns: 4 }, line)),
  ]
  const theirs = new Promise<Link>((resolve) => alice.on('link', resolve))
  const toAlice = await passing(bob.accept(await passing(alice.invite())))
  const toBob = await theirs
  const received: unknown[] = []
  toBob.on('message', (message) => void received.push(message))

  const signaling: string[] = []
  bob.on('trace', ({ kind }) => kind.startsWith('signaling-') && signaling.push(kind))
  const tookMs: number[] = []
  // On both sides of a dial's 20 s, of the waits between dials, and when all of those are at their longest.
  const awayS = [1, 7, 18, 21, 33, 75, 600, 601, 640, 3600]
  for (const seconds of awayS) {
    relay.kill()
    world.network.cut()
    toAlice.send(seconds).catch(() => {})
    await runtime.advance(seconds * 1_000)
    relay.restart()
    let elapsedMs = 0
    while (toAlice.state !== 'open' || toAlice.queued > 0) {
      await runtime.advance(50)
      elapsedMs += 50
      if (elapsedMs > 60_000) break
    }
    tookMs.push(elapsedMs)
  }
  expect(Math.max(...tookMs), tookMs.join()).toBeLessThan(10_000)
  expect(received).toEqual(awayS)
  // Once more for each attempt in vain.
  expect(signaling[0]).toBe('signaling-lost')
  expect(signaling.filter((kind) => kind === 'signaling-open')).toHaveLength(awayS.length)
})
