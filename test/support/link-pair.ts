/** Two links whose dials reach each other, as a mesh would connect them; or one link and a hand-made peer. */

import type { Runtime } from '../../lib/base/runtime.ts'
import { Link } from '../../lib/link/link.ts'
import { nobody } from '../../lib/link/person.ts'
import { Sessions, type SessionsOptions } from '../../lib/link/sessions.ts'
import type { Session } from '../../lib/session/session.ts'
import { MemoryNetwork } from '../../lib/transport/memory.ts'
import { anything, type Rights } from '../../lib/link/rights.ts'
import type { PeerId } from '../../lib/identity/peer-id.ts'
import { GroupCommit } from '../../lib/storage/group-commit.ts'
import { MemoryStore } from '../../lib/storage/memory-store.ts'
import type { Store } from '../../lib/storage/store.ts'
import { logTables, type LogOptions } from '../../lib/link/log.ts'
import { encode, type CborValue } from '../../lib/codec/cbor.ts'
import * as kinds from '../../lib/codec/record-kinds.ts'
import { puppetFor, sessionPair, type Puppet, type Tap } from './session-pair.ts'
import type { VirtualRuntime } from './virtual-runtime.ts'

export interface LinkPairOptions {
  readonly runtime: VirtualRuntime
  /** Where the two sides have timers of their own. */
  readonly runtimes?: readonly [Runtime, Runtime]
  readonly latencyMs?: number
  readonly maxMessageBytes?: number
  readonly idleTimeoutMs?: number
  /** What each side lets the other do. */
  readonly rights?: readonly [Rights, Rights]
  readonly onRefused?: (side: 0 | 1, scope: string) => void
}

export interface Connection {
  readonly from: 0 | 1
  readonly sessions: readonly [dialled: Session, answered: Session]
  readonly taps: readonly [Tap, Tap]
}

export class LinkPair {
  readonly links: [Link, Link]
  readonly sessions: [Sessions, Sessions]
  readonly network: MemoryNetwork
  readonly connections: Connection[] = []
  readonly dials: number[] = []
  isReachable = true
  readonly #options: LinkPairOptions

  constructor(options: LinkPairOptions) {
    this.#options = options
    this.network = new MemoryNetwork(options)
    this.sessions = [this.#sessions(0), this.#sessions(1)]
    this.links = [this.#link(0), this.#link(1)]
  }

  #link(side: 0 | 1): Link {
    return linkOver(this.sessions[side], this.#runtime(side))
  }

  #runtime(side: 0 | 1): Runtime {
    return this.#options.runtimes?.[side] ?? this.#options.runtime
  }

  #sessions(side: 0 | 1, log = logOptions(this.#options.runtime)): Sessions {
    const { rights, onRefused } = this.#options
    return new Sessions({
      peer: `peer ${side}` as PeerId,
      runtime: this.#runtime(side),
      log,
      rights: () => rights?.[side] ?? anything,
      onRefused: (scope) => onRefused?.(side, scope),
      dial: async (signal) => {
        this.dials.push(side)
        signal.throwIfAborted()
        if (!this.isReachable) throw new Error('unreachable')
        return (await this.connect(side)).sessions[0]
      },
    })
  }

  /** The page of one side crashes and comes back, with what its store has. By default that is nothing. */
  reload(side: 0 | 1, log?: LogOptions): void {
    this.network.cut()
    void this.sessions[side].suspend('suspended', 'at once')
    this.renew(side, log)
  }

  /** A fresh link on one side, as after a reload. */
  renew(side: 0 | 1, log?: LogOptions): void {
    this.sessions[side] = this.#sessions(side, log)
    this.links[side] = this.#link(side)
  }

  /** A session from one side to the other; the answering link takes it once it is proven. */
  async connect(from: 0 | 1): Promise<Connection> {
    const { runtimes, rights: _, onRefused: __, ...options } = this.#options
    const { initiator, responder, taps } = await sessionPair({
      ...options,
      ...(runtimes ? { runtimes: [runtimes[from], runtimes[1 - from]!] as const } : {}),
      network: this.network,
      diallerKey: Uint8Array.of(from),
      answererKey: Uint8Array.of(1 - from),
    })
    const connection: Connection = { from, sessions: [initiator, responder], taps }
    this.connections.push(connection)
    const end = this.sessions[1 - from]!.beginAttempt('called')
    responder.confirmed.then(
      () => {
        this.sessions[1 - from]!.attach(responder)
        end()
      },
      () => end(),
    )
    return connection
  }

  async close(): Promise<void> {
    const closing = this.sessions.map((sessions) => sessions.close('closed'))
    await this.#options.runtime.advance(5_000)
    await Promise.all(closing)
  }
}

const logId = new Uint8Array(16).fill(7)
export const peerRun = new Uint8Array(16).fill(8)

/** One life of a mesh on a store. */
export const logOptions = (
  runtime: VirtualRuntime,
  store: Store = new MemoryStore(),
  commit: LogOptions['commit'] = 'batch',
): LogOptions => ({
  store,
  commits: new GroupCommit(store, logTables),
  run: runtime.randomBytes(16),
  commit,
})

export const helloOf = (firstHeld = 1, highestSent = firstHeld - 1): CborValue[] => [
  kinds.hello,
  1,
  logId,
  peerRun,
  firstHeld,
  highestSent,
  null,
  0,
  null,
]

export const linkOver = (sessions: Sessions, runtime: Runtime): Link =>
  new Link({
    peer: sessions.peer,
    safetyNumber: '',
    runtime,
    carrier: sessions,
    person: nobody,
    changePerson: async () => {},
  })

/** A link with one open session, whose other side is a puppet that has said hello. */
export async function linkWithPuppet(
  runtime: VirtualRuntime,
  hello: CborValue[] = helloOf(),
  rights = anything,
  signals?: SessionsOptions['signals'],
): Promise<{
  link: Link
  sessions: Sessions
  puppet: Puppet
  dials: () => number
  close: () => Promise<void>
}> {
  let dials = 0
  const sessions = new Sessions({
    peer: 'puppet' as PeerId,
    runtime,
    log: logOptions(runtime),
    rights: () => rights,
    onRefused: () => {},
    signals,
    dial: async () => {
      dials++
      throw new Error('unreachable')
    },
  })
  const puppet = await puppetFor('initiator', { runtime })
  const link = linkOver(sessions, runtime)
  sessions.attach(puppet.session)
  puppet.send(hello)
  await runtime.settle()
  const close = async () => {
    const closing = sessions.close('closed')
    await runtime.advance(5_000)
    await closing
  }
  return { link, sessions, puppet, dials: () => dials, close }
}

/** A value of the application as it travels. */
export const value = (of: CborValue): Uint8Array => encode(of)
