/**
 * The security log: what happened to keys, contacts and rights, for a wallet to show. It keeps the latest events, on disk before they are
 * told, and no secret is ever in it. What others can bring about has places of its own: it never pushes out one's own acts.
 */

import { reportError } from '../base/emitter.ts'
import { HandfastError } from '../base/errors.ts'
import * as limits from '../base/limits.ts'
import type { Runtime } from '../base/runtime.ts'
import type { PeerId } from '../identity/peer-id.ts'
import { GroupCommit } from '../storage/group-commit.ts'
import { readRecords } from '../storage/reading.ts'
import type { Store } from '../storage/store.ts'
import { report } from './report.ts'

/** What has happened, and what `detail` says of it. */
export type SecurityEventKind =
  /** There is a link with somebody new. */
  | 'contact-added'
  /** Until met anew. */
  | 'contact-forgotten'
  /** For good. */
  | 'contact-cut-off'
  /** A device of the peer was met or named for the first time; of one's own identity without a peer. Detail: its key. */
  | 'device-added'
  /** Likewise, and it is let in no more. */
  | 'device-revoked'
  /** The safety number was compared. */
  | 'verified'
  /** The mark was taken away. */
  | 'unverified'
  /** Detail: what the peer may do now, one scope after the other. */
  | 'rights-changed'
  /** The peer wanted what it has no right to. Detail: the scope. */
  | 'refused'
  /** The storage was set back or copied. */
  | 'rollback'
  /** Messages of the peer are missing. Detail: their number. */
  | 'gap'
  /** More came than is looked at. Detail: on which way. */
  | 'flood'
  /** The peer has used a ticket of ours. */
  | 'ticket-redeemed'
  /** The root is not kept here any more. */
  | 'root-removed'
  /** The root was brought in for a task. Detail: which. */
  | 'root-used'
  /** A backup was made. */
  | 'backup-made'
  /** This identity came from words or a backup. */
  | 'backup-restored'
  /** Detail: when, as ISO 8601. */
  | 'certificate-expiring'
  /** This device was certified anew. */
  | 'certificate-renewed'
  /** The identity was locked. */
  | 'locked'
  /** The identity was unlocked. */
  | 'unlocked'
  /** The passphrase of the keys was set, changed or taken away. */
  | 'passphrase-changed'

/** Who brings each kind about. */
const kinds: Readonly<Record<SecurityEventKind, 'self' | 'other' | 'repeated'>> = {
  'contact-added': 'self',
  'contact-forgotten': 'self',
  'contact-cut-off': 'self',
  'device-added': 'other',
  'device-revoked': 'other',
  verified: 'self',
  unverified: 'self',
  'rights-changed': 'self',
  refused: 'repeated',
  rollback: 'other',
  gap: 'repeated',
  flood: 'repeated',
  'ticket-redeemed': 'other',
  'root-removed': 'self',
  'root-used': 'self',
  'backup-made': 'self',
  'backup-restored': 'self',
  'certificate-expiring': 'repeated',
  'certificate-renewed': 'self',
  locked: 'self',
  unlocked: 'self',
  'passphrase-changed': 'self',
}

/** One line of the security log. */
export interface SecurityEvent {
  /** Rises from event to event. */
  readonly id: number
  /** Unix ms. */
  readonly atMs: number
  /** What has happened. */
  readonly kind: SecurityEventKind
  /** Whom it is about. */
  readonly peer?: PeerId
  /** More, for people who know the field; at most 80 characters. */
  readonly detail?: string
}

/** Which part of the log. */
export interface SecurityLogOptions {
  /** The most events to return. Default 100, at most 1,000. */
  limit?: number | undefined
  /** Only events before the one with this id. */
  before?: number | undefined
}

export type EventAbout = Partial<Pick<SecurityEvent, 'peer' | 'detail'>>

/** Notes an event, in its own time; never throws. */
export type Note = (kind: SecurityEventKind, about?: EventAbout) => void

export interface JournalOptions {
  readonly store: Store
  readonly runtime: Runtime
  /** Gets each event once it is on disk. */
  readonly onEvent: (event: SecurityEvent) => void
}

const placesOfEach = limits.maxJournalEvents / 2
const keyDigits = 10

export class Journal {
  readonly #store: Store
  readonly #runtime: Runtime
  readonly #onEvent: JournalOptions['onEvent']
  readonly #commits: GroupCommit
  /** When what may come over and over was noted last, by kind and peer. */
  readonly #notedAtMs = new Map<string, number>()
  /** Oldest first. */
  #events: Promise<SecurityEvent[]> | undefined
  #nextId = 1
  readonly #pending = new Set<Promise<void>>()

  constructor({ store, runtime, onEvent }: JournalOptions) {
    this.#store = store
    this.#runtime = runtime
    this.#onEvent = onEvent
    this.#commits = new GroupCommit(store, ['journal'])
  }

  readonly note: Note = (kind, { peer, detail } = {}) => {
    const noted = {
      atMs: this.#runtime.now(),
      kind,
      ...(peer === undefined ? {} : { peer }),
      ...(detail === undefined ? {} : { detail: cut(detail) }),
    }
    // More than there are places for can't wait for a slow disk.
    const mostWaiting = isProvoked(noted) ? placesOfEach : limits.maxJournalEvents
    if (this.#isRepeated(kind, peer) || this.#pending.size >= mostWaiting) return
    const adding = this.#add(noted).catch(report)
    this.#pending.add(adding)
    void adding.then(() => this.#pending.delete(adding))
  }

  /** The latest first. @throws HandfastError `invalid-argument`, `storage-failed` */
  async list({
    limit = limits.defaultJournalPage,
    before = Infinity,
  }: SecurityLogOptions = {}): Promise<SecurityEvent[]> {
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= limits.maxJournalEvents)) {
      throw new HandfastError('invalid-argument', 'limit is from 1 to 1,000')
    }
    await this.settled()
    const events = await this.#load()
    return events
      .filter(({ id }) => id < before)
      .slice(-limit)
      .reverse()
  }

  /** Resolves when all that was noted is on disk, or has failed. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending)
  }

  #isRepeated(kind: SecurityEventKind, peer = ''): boolean {
    if (kinds[kind] !== 'repeated') return false
    const key = `${kind}/${peer}`
    const nowMs = this.#runtime.now()
    if (nowMs - (this.#notedAtMs.get(key) ?? -Infinity) < limits.refoldMs) return true
    this.#notedAtMs.delete(key)
    if (this.#notedAtMs.size >= limits.maxJournalEvents) {
      this.#notedAtMs.delete(this.#notedAtMs.keys().next().value!)
    }
    this.#notedAtMs.set(key, nowMs)
    return false
  }

  async #add(noted: Omit<SecurityEvent, 'id'>): Promise<void> {
    const events = await this.#load()
    const event: SecurityEvent = { id: this.#nextId++, ...noted }
    events.push(event)
    const isOthers = isProvoked(event)
    const alike = events.filter((each) => isProvoked(each) === isOthers)
    const surplus = alike.length > placesOfEach ? alike[0] : undefined
    if (surplus) events.splice(events.indexOf(surplus), 1)
    try {
      await this.#commits.run(async (transaction) => {
        await transaction.put('journal', keyOf(event.id), event)
        if (surplus) await transaction.delete('journal', keyOf(surplus.id))
      })
    } catch (error) {
      // What is on disk now counts, whether or not this was written.
      this.#events = undefined
      throw error
    }
    this.#onEvent(event)
  }

  #load(): Promise<SecurityEvent[]> {
    if (this.#events) return this.#events
    const loading = this.#read()
    this.#events = loading
    loading.catch(() => {
      if (this.#events === loading) this.#events = undefined
    })
    return loading
  }

  async #read(): Promise<SecurityEvent[]> {
    const records = await readRecords(this.#store, 'journal')
    const events = records.flatMap(({ key, value }) => (isEvent(key, value) ? [value] : []))
    if (events.length < records.length) {
      reportError(new HandfastError('storage-failed', 'the security log is damaged'))
    }
    this.#nextId = Math.max(this.#nextId, Number(records.at(-1)?.key ?? 0) + 1)
    return events
  }
}

/** Others can do it as often as they like, or as they have rights to. */
const isProvoked = ({ kind, peer }: Omit<SecurityEvent, 'id'>): boolean =>
  kinds[kind] === 'repeated' || (kinds[kind] === 'other' && peer !== undefined)

const keyOf = (id: number): string => String(id).padStart(keyDigits, '0')

/** Also one of a kind that a later version of this library knows. */
function isEvent(key: string, value: unknown): value is SecurityEvent {
  const { id, atMs, kind } = (value ?? {}) as Partial<SecurityEvent>
  return (
    typeof id === 'number' &&
    keyOf(id) === key &&
    typeof atMs === 'number' &&
    typeof kind === 'string'
  )
}

const cut = (detail: string): string =>
  [...detail.slice(0, 2 * limits.maxJournalDetailLength)]
    .slice(0, limits.maxJournalDetailLength)
    .join('')
    .replace(/\p{Surrogate}/gu, '\ufffd')
