/**
 * The tab that leads a mesh: it knows the contacts, calls and answers them, and holds all sessions and all logs. What it reports goes to
 * the `Mesh` of its tab, and to those of the tabs that follow.
 */

import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import type { PeerId } from '../identity/peer-id.ts'
import { linkClosed } from '../link/carrier.ts'
import { sweepMarkers } from '../link/drafts.ts'
import { abandon, type Handover } from '../link/handover.ts'
import type { Sessions } from '../link/sessions.ts'
import type { Person } from '../link/person.ts'
import type { Address } from '../ticket/address.ts'
import type { Ticket } from '../ticket/ticket.ts'
import type { Answering, Answers } from './answers.ts'
import type { AcceptOptions } from './options.ts'
import type { OwnDevice } from './known.ts'
import { openParts, type Leadership, type Parts, type RoleOptions } from './parts.ts'
import type { PathState } from './paths.ts'
import { report } from './report.ts'
import type { Role } from './role.ts'
import type { RoleEvents } from './role-events.ts'
import { tasksOf, type TaskResult, type Tasks } from './tasks.ts'
import type { Tracer } from './tracer.ts'

export class Leader implements Role {
  /** Of this tab; others hear it, too. */
  readonly tracer: Tracer
  readonly tasks: Tasks
  readonly #parts: Parts
  readonly #emitter: Emitter<RoleEvents>
  readonly #closing: AbortController
  readonly #undo: Unsubscribe[] = []
  #unserve: Unsubscribe = () => {}
  #closed: Promise<void> | undefined

  private constructor(
    tracer: Tracer,
    parts: Parts,
    emitter: Emitter<RoleEvents>,
    closing: AbortController,
  ) {
    this.tracer = tracer
    this.tasks = tasksOf(parts)
    this.#parts = parts
    this.#emitter = emitter
    this.#closing = closing
  }

  /**
   * Loads what the identity's store holds; `begin` does the rest.
   * @throws HandfastError `invalid-argument`, `storage-failed`, `unsupported`, `locked`
   */
  static async open(options: RoleOptions, leadership: Leadership): Promise<Leader> {
    const emitter = new Emitter<RoleEvents>()
    const closing = new AbortController()
    const parts = await openParts(options, leadership, {
      closing: closing.signal,
      underWay: new Set(),
      emit: (event, ...args) => emitter.emit(event, ...args),
    })
    return new Leader(options.tracer, parts, emitter, closing)
  }

  on<K extends keyof RoleEvents>(
    event: K,
    listener: (...args: RoleEvents[K]) => void,
  ): Unsubscribe {
    return this.#emitter.on(event, listener)
  }

  // ── What it knows ────────────────────────────────────────────────────────────────────────────────

  /** The sessions of every proven contact. */
  get links(): ReadonlyMap<PeerId, Sessions> {
    return this.#parts.roster.proven
  }

  get signaling(): readonly PathState[] {
    return this.#parts.paths.states
  }

  get devices(): readonly OwnDevice[] {
    return this.#parts.devices.list()
  }

  get tickets(): readonly Ticket[] {
    return [...this.#parts.book.values()].flatMap(({ live }) => live?.ticket ?? [])
  }

  get addresses(): readonly Address[] {
    return this.#parts.queries.addresses
  }

  get pairings(): ReadonlyMap<string, string> {
    return new Map([...this.#parts.pairings.waiting].map(([id, { code }]) => [id, code]))
  }

  get revoked(): boolean {
    return this.#parts.parting.isRevoked
  }

  person(peer: PeerId): Person {
    return this.#parts.people.get(peer)
  }

  // ── What it does ─────────────────────────────────────────────────────────────────────────────────

  do<T extends keyof Tasks>(task: T, params: Parameters<Tasks[T]>): Promise<TaskResult<T>> {
    return (this.tasks[task] as (...params: unknown[]) => Promise<TaskResult<T>>)(...params)
  }

  accept(ticket: Ticket, options: AcceptOptions, served: Promise<void>): Promise<PeerId> {
    return this.#parts.meeting.accept(ticket, options, served)
  }

  snapshot(): Promise<Uint8Array> {
    return this.#parts.devices.snapshot()
  }

  serve(answers: Answers): void {
    this.#unserve()
    this.#unserve = this.#parts.queries.add(answers, 'first')
  }

  /** Another tab that answers strangers, after those there are. */
  addAnswering(tab: Answering): Unsubscribe {
    return this.#parts.queries.add(tab, 'last')
  }

  /** What tabs that are gone have left: drafts are sent, and what tells them of their messages goes. */
  async sweep(isLive: (tab: string) => boolean): Promise<void> {
    const { log, roster } = this.#parts
    await sweepMarkers(log, isLive)
    for (const sessions of roster.all()) sessions.adopt()
  }

  // ── Beginning and end ────────────────────────────────────────────────────────────────────────────

  /** Calls and answers. `handovers`: of the links that this tab had in another role. */
  begin(handovers: ReadonlyMap<PeerId, Promise<Handover>> = new Map()): void {
    const { identity, book, cards, contacts, housekeeping, journal, kin } = this.#parts
    const { mailroom, meeting, monitor, parting, paths, people, queries, roster } = this.#parts
    const { runtime } = identity
    const { peers } = contacts
    const wake = () => {
      for (const sessions of roster.all()) sessions.wake()
    }
    this.tracer.trace('leading', {})
    this.#undo.push(monitor.watchPaths(paths))
    if (!parting.isRevoked) {
      for (const { tag, expiresAtMs } of book.values()) mailroom.openTicket(tag, expiresAtMs)
      queries.begin()
    }
    roster.handovers = new Map(handovers)
    for (const contact of contacts.values()) meeting.open(contact)
    // Forgotten by another tab meanwhile.
    for (const handover of roster.handovers.values()) void abandon(handover, linkClosed())
    roster.handovers.clear()
    this.#undo.push(
      peers.onChange((...change) => people.follow(...change)),
      peers.onChange(() => kin.tell()),
      runtime.onPageHide(() => {
        for (const sessions of roster.all()) void sessions.suspend('suspended', 'at once')
      }),
      runtime.onWake(() => {
        paths.wake()
        wake()
      }),
      identity.on('lock', (isLocked) => {
        if (isLocked) return
        kin.resume()
        wake()
      }),
      identity.on('certificate', () => {
        cards.renew().catch(report)
        wake()
      }),
      paths.onChange(() => {
        this.#emitter.emit('known', 'signaling')
        const skewMs = paths.clockSkewMs
        if (Math.abs(skewMs) > limits.maxClockSkewMs) this.#emitter.emit('clock-skew', skewMs)
      }),
      paths.onFlood((path, peer) =>
        journal.note('flood', { detail: path, ...(peer === undefined ? {} : { peer }) }),
      ),
      paths.onOpen(() => {
        for (const sessions of roster.all()) sessions.retry()
      }),
    )
    housekeeping.schedule()
    housekeeping.noteExpiry()
  }

  /** Closed, or released. */
  get isOver(): boolean {
    return this.#closing.signal.aborted
  }

  /** Ends all sessions, keeps all contacts. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const { journal, paths, roster } = this.#parts
    this.#stop(new HandfastError('closed', 'The mesh is closed'))
    await Promise.all(roster.all().map((sessions) => sessions.close('closed')))
    await paths.close()
    await journal.settled()
    this.#emitter.clear()
  }

  /** This tab leads no more: all ends at once. Returns what each link's applications wait for. */
  release(): Map<PeerId, Promise<Handover>> {
    const { paths, roster } = this.#parts
    this.#stop(new HandfastError('not-leading'))
    const all = roster.all().map((sessions) => [sessions.peer, sessions.release()] as const)
    this.#closed ??= paths.close()
    this.#emitter.clear()
    return new Map(all)
  }

  #stop(reason: HandfastError): void {
    const { answerer, housekeeping, kin, mailroom, pairings, queries, underWay } = this.#parts
    this.#closing.abort(reason)
    for (const controller of underWay) controller.abort(reason)
    housekeeping.stop()
    kin.stop()
    answerer.close()
    pairings.close()
    queries.close()
    mailroom.close()
    for (const undo of this.#undo) undo()
  }
}
