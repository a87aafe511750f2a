/**
 * What the tab that leads is made of. Each part is given all of them, names those that it works with, and looks them up when it needs them:
 * so they may need each other, and none does anything before the leader begins.
 */

import * as limits from '../base/limits.ts'
import type { Identity } from '../identity/identity.ts'
import type { PeerId } from '../identity/peer-id.ts'
import { logTables, type LogOptions } from '../link/log.ts'
import type { SessionsOptions } from '../link/sessions.ts'
import { Answerer } from '../session/answer.ts'
import { networkId } from '../session/handshake.ts'
import { Intake } from '../session/intake.ts'
import { GroupCommit } from '../storage/group-commit.ts'
import { TicketBook } from '../ticket/book.ts'
import type { Transport } from '../transport/transport.ts'
import { WebRtcTransport } from '../transport/webrtc.ts'
import { Announcer } from './announcer.ts'
import { Callers } from './callers.ts'
import { Calling } from './calling.ts'
import { Cards, openOwnCard } from './cards.ts'
import { Contacts } from './contacts.ts'
import { Grants } from './grants.ts'
import { Housekeeping } from './housekeeping.ts'
import { Introductions } from './introductions.ts'
import { Journal, type Note } from './journal.ts'
import { Kin } from './kin.ts'
import { Mailroom } from './mailroom.ts'
import { Meeting } from './meeting.ts'
import { Monitor } from './monitor.ts'
import type { MeshOptions } from './options.ts'
import { OwnDevices } from './own-devices.ts'
import { Pairings } from './pairings.ts'
import { Parting } from './parting.ts'
import { Paths } from './paths.ts'
import { People } from './people.ts'
import { Queries } from './queries.ts'
import { report } from './report.ts'
import type { Emit } from './role-events.ts'
import { Roster } from './roster.ts'
import { mergeWaiting } from './snapshot.ts'
import type { Tracer } from './tracer.ts'

/** What a role is made of. */
export interface RoleOptions extends MeshOptions {
  readonly tracer: Tracer
}

export interface Leadership {
  /** 16 random bytes that name it. */
  readonly run: Uint8Array
  /** Whether it lasts; a tab that has slept has to look. */
  readonly leads?: SessionsOptions['leads']
}

export interface Parts {
  readonly identity: Identity
  readonly network: Uint8Array
  readonly relays: readonly string[]
  readonly transport: Transport
  readonly idleTimeoutMs: number
  readonly log: LogOptions
  readonly leads: SessionsOptions['leads'] | undefined
  /** Of the mesh. */
  readonly closing: AbortSignal
  /** What is to be aborted with it. */
  readonly underWay: Set<AbortController>
  readonly emit: Emit
  readonly note: Note
  readonly contacts: Contacts
  readonly book: TicketBook
  readonly answerer: Answerer
  readonly intake: Intake
  readonly paths: Paths
  readonly queries: Queries
  readonly journal: Journal
  readonly introductions: Introductions | undefined
  readonly monitor: Monitor
  readonly grants: Grants
  cards: Cards
  roster: Roster
  people: People
  devices: OwnDevices
  kin: Kin
  announcer: Announcer
  mailroom: Mailroom
  pairings: Pairings
  callers: Callers
  calling: Calling
  meeting: Meeting
  parting: Parting
  housekeeping: Housekeeping
}

/** What only the leader has. */
type Own = Pick<Parts, 'closing' | 'underWay' | 'emit'>

/**
 * Loads what the identity's store holds.
 * @throws HandfastError `invalid-argument`, `storage-failed`, `unsupported`, `locked`
 */
export async function openParts(
  options: RoleOptions,
  { run, leads }: Leadership,
  own: Own,
): Promise<Parts> {
  const { identity, relays = [], ice, signaling, WebSocket, receive, tracer } = options
  identity.assertUnlocked()
  const { runtime, store, peer: self } = identity
  const { transport = new WebRtcTransport({ runtime, ...(ice ? { ice } : {}) }) } = options
  const { idleTimeoutMs = limits.defaultIdleTimeoutMs } = options
  const network = networkId(options.network ?? 'main')
  const intake = new Intake(runtime)
  const contacts = await Contacts.open(identity)
  const book = await TicketBook.open(identity)
  const answerer = await Answerer.open({ identity, transport, intake, idleTimeoutMs })
  const { card, formerRelays } = await openOwnCard(identity, relays)
  await mergeWaiting(identity, contacts).catch(report)
  const paths = new Paths({ runtime, relays, formerRelays, signaling, WebSocket })
  const queries = await Queries.open({ identity, network, relays, paths, intake })
  const journal = new Journal({ store, runtime, onEvent: (event) => own.emit('security', event) })
  const { introductions: mayIntroduce = true } = options
  const call = (peer: PeerId) => parts.roster.proven.get(peer)?.call()
  const parts: Parts = {
    ...own,
    identity,
    network,
    relays,
    transport,
    idleTimeoutMs,
    leads,
    log: {
      store,
      commits: new GroupCommit(store, logTables),
      run,
      commit: receive?.commit ?? 'batch',
    },
    // What concerns one's own identity concerns no peer.
    note: (kind, { peer, ...about } = {}) =>
      journal.note(kind, peer === undefined || peer === self ? about : { peer, ...about }),
    contacts,
    book,
    answerer,
    intake,
    paths,
    queries,
    journal,
    introductions: mayIntroduce ? new Introductions({ runtime, call }) : undefined,
    monitor: new Monitor(runtime, tracer),
    grants: new Grants(identity, contacts.peers),
  } as Parts
  parts.cards = new Cards(parts, card)
  parts.roster = new Roster(parts)
  parts.people = new People(parts)
  parts.devices = new OwnDevices(parts)
  parts.kin = new Kin(parts)
  parts.announcer = new Announcer(parts)
  parts.mailroom = new Mailroom(parts)
  parts.pairings = new Pairings(parts)
  parts.callers = new Callers(parts)
  parts.calling = new Calling(parts)
  parts.meeting = new Meeting(parts)
  parts.parting = new Parting(parts)
  parts.housekeeping = new Housekeeping(parts)
  return parts
}
