/**
 * What the tab that leads shows to developers: figures when they ask, events while somebody listens. Nothing here changes what
 * the mesh does.
 */

import { toBase64url } from '../base/bytes.ts'
import type { Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import type { Runtime } from '../base/runtime.ts'
import type { PeerId } from '../identity/peer-id.ts'
import type { Sessions } from '../link/sessions.ts'
import type { Reception } from '../session/answer.ts'
import type { Session } from '../session/session.ts'
import type { Paths } from './paths.ts'
import type { MeshStats } from './stats.ts'
import type { TraceDetails } from './trace.ts'
import type { Tracer } from './tracer.ts'

/** Of a leader; the rest is the tab's own. */
export type LeaderStats = Omit<MeshStats, 'openedAtMs' | 'leads'>

export class Monitor {
  readonly #runtime: Runtime
  readonly #tracer: Tracer
  readonly #dials = { begun: 0, succeeded: 0 }

  constructor(runtime: Runtime, tracer: Tracer) {
    this.#runtime = runtime
    this.#tracer = tracer
  }

  async stats(links: Iterable<Sessions>, own: Sessions | undefined): Promise<LeaderStats> {
    const [ofOwn, ...all] = await Promise.all([own, ...links].map((each) => each?.stats()))
    return {
      atMs: this.#runtime.now(),
      dials: { ...this.#dials },
      links: all.map((each) => each!),
      own: ofOwn?.sessions ?? [],
    }
  }

  /** One dial of a device. */
  async dial(
    peer: PeerId,
    device: Uint8Array,
    dial: (onSent: (receivers: number) => void) => Promise<Session>,
  ): Promise<Session> {
    const callee = { peer, deviceKey: toBase64url(device) }
    this.#dials.begun++
    this.#tracer.trace('dial', callee)
    try {
      const session = await dial((receivers) =>
        this.#tracer.trace('dial-sent', { ...callee, receivers }),
      )
      this.#dials.succeeded++
      return session
    } catch (error) {
      this.#tracer.trace('dial-failed', { ...callee, reason: reasonOf(error) })
      throw error
    }
  }

  /** What is done with a packet that came to a mailbox of `peer`; none: to that of a ticket. */
  watchReception(reception: Reception, peer: PeerId | undefined): Reception {
    if (!this.#tracer.isOn) return reception
    const to = peer === undefined ? {} : { peer }
    const refuse = (error: unknown) =>
      this.#tracer.trace('refused-packet', { ...to, reason: reasonOf(error) })
    let device: TraceDetails['answer']
    return {
      ...reception,
      read: (packet) => {
        try {
          return reception.read(packet)
        } catch (error) {
          refuse(error)
          throw error
        }
      },
      admit: async (opened) => {
        const { peer: caller, deviceKey } = opened.payload.sender
        device = { peer: caller, deviceKey: toBase64url(deviceKey) }
        const admitted = await reception.admit(opened)
        if (!admitted) refuse(null)
        return admitted
      },
      onAttempt: (underWay) => {
        reception.onAttempt?.(underWay)
        this.#tracer.trace(underWay ? 'answer' : 'answer-failed', device)
      },
    }
  }

  watchSessions(sessions: Sessions): void {
    const { peer } = sessions
    sessions.on('state', (state) => this.#tracer.trace('link-state', { peer, state }))
    sessions.on('stored', (count) =>
      this.#tracer.trace('message-stored', { peer, count, waiting: sessions.queued }),
    )
    sessions.on('delivered', (id) => {
      if (this.#tracer.isOn) this.#tracer.trace('message-delivered', { peer, id })
    })
    sessions.on('refused', (id) => this.#tracer.trace('message-refused', { peer, id }))
    sessions.on('session', ({ name, peerDeviceKey, role }, reason) => {
      if (!this.#tracer.isOn) return
      const of = { peer, deviceKey: toBase64url(peerDeviceKey), session: name.id }
      if (reason) this.#tracer.trace('session-end', { ...of, reason })
      else this.#tracer.trace('session-open', { ...of, role, handshake: name.handshake })
    })
  }

  watchPaths(paths: Paths): Unsubscribe {
    let before = new Map<string, string>()
    const compare = () => {
      const now = new Map(paths.states.map(({ path, state }) => [path, state]))
      for (const [path, state] of now) {
        if (state === before.get(path)) continue
        if (state === 'open') this.#tracer.trace('signaling-open', { path })
        if (state === 'closed') this.#tracer.trace('signaling-lost', { path })
      }
      before = now
    }
    compare()
    return paths.onChange(compare)
  }
}

const reasonOf = (error: unknown) => (error instanceof HandfastError ? error.code : 'other')
