/**
 * Ways to break this tab, so that one can watch it recover: no relay, no network at all, a crash. They act on what the browser gives the
 * page; the library knows nothing of them, and meets what it would meet in earnest. Nothing of it outlives the page.
 */

import type { PeerId } from 'handfast'

export type SwitchName = 'relay' | 'network'

/** What is off at the moment. */
export type Cut = ReadonlySet<SwitchName>

/** The name under which tabs of one browser signal to each other. */
const tabSignaling = 'handfast'

let cut: Cut = new Set()
let isCrashing = false
const listeners = new Set<(cut: Cut) => void>()
const sockets = new Set<WebSocket>()
const connections = new Set<SwitchedPeerConnection>()

const isOffline = () => cut.has('network')

/** For `Mesh.open`: where the relay is switched off, it can't be connected to. */
export class SwitchedWebSocket extends WebSocket {
  constructor(url: string) {
    if (cut.has('relay') || isOffline()) throw new DOMException('Switched off', 'NetworkError')
    super(url)
    sockets.add(this)
    this.addEventListener('close', () => sockets.delete(this))
  }
}

/** Where there is none, the page says so and opens nothing. */
const PeerConnection = (globalThis.RTCPeerConnection ?? Object) as typeof RTCPeerConnection

class SwitchedPeerConnection extends PeerConnection {
  readonly #channels: RTCDataChannel[] = []

  constructor(configuration?: RTCConfiguration) {
    super(configuration)
    connections.add(this)
  }

  override createDataChannel(label: string, init?: RTCDataChannelInit): RTCDataChannel {
    const channel = super.createDataChannel(label, init)
    this.#channels.push(channel)
    return channel
  }

  override close(): void {
    connections.delete(this)
    super.close()
  }

  /** A connection that is closed on this side says so to nobody here; one that is lost does. */
  lose(): void {
    this.close()
    for (const channel of this.#channels) channel.dispatchEvent(new Event('close'))
  }
}

class SwitchedBroadcastChannel extends BroadcastChannel {
  constructor(name: string) {
    super(name)
    if (name !== tabSignaling) return
    // Comes before whoever listens later.
    this.addEventListener('message', (event) => {
      if (isOffline()) event.stopImmediatePropagation()
    })
  }

  override postMessage(message: unknown): void {
    if (this.name !== tabSignaling || !isOffline()) super.postMessage(message)
  }
}

/** Before the mesh is opened. Idempotent. */
export function installSwitches(): void {
  if (globalThis.RTCPeerConnection === SwitchedPeerConnection) return
  globalThis.RTCPeerConnection = SwitchedPeerConnection
  globalThis.BroadcastChannel = SwitchedBroadcastChannel
  // A tab that crashes does not hear that it is being left, and can't say goodbye.
  addEventListener(
    'pagehide',
    (event) => {
      if (isCrashing) event.stopImmediatePropagation()
    },
    { capture: true },
  )
}

export const whatIsCut = (): Cut => cut

export function onCut(listener: (cut: Cut) => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function setSwitch(name: SwitchName, isOff: boolean): void {
  const next = new Set(cut)
  if (isOff) next.add(name)
  else next.delete(name)
  cut = next
  if (isOff) {
    for (const socket of sockets) {
      socket.dispatchEvent(new CloseEvent('close'))
      socket.close()
    }
    if (isOffline()) for (const connection of connections) connection.lose()
  } else {
    // What the browser says when the network is back.
    dispatchEvent(new Event('online'))
  }
  for (const listener of listeners) listener(cut)
}

export interface Crash {
  atMs: number
  /** Who was here then. */
  here: readonly PeerId[]
}

/** Down at once, and up again. */
export function crashThisTab(here: readonly PeerId[]): void {
  isCrashing = true
  const crash: Crash = { atMs: Date.now(), here }
  history.replaceState({ ...history.state, crash }, '')
  location.reload()
}

/** The crash that this tab has just come back from, if any; told once. */
export function takeCrash(): Crash | undefined {
  const { crash, ...rest } = history.state ?? {}
  if (crash) history.replaceState(rest, '')
  return crash
}
