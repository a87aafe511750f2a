/**
 * What the tab that leads and one that follows ask each other, and in which form: CBOR arrays and maps, read without much ado, since both
 * run the same version of this library. They say so first.
 */

import { HandfastError, type ErrorCode } from '../base/errors.ts'
import type { MessageInfo } from '../link/inbox.ts'
import type { Person } from '../link/person.ts'
import type { LinkState } from '../link/state.ts'
import type { SecurityEvent } from './journal.ts'
import type { AcceptOptions, AddressOptions, InviteOptions } from './options.ts'
import type { PathState } from './paths.ts'
import type { Tasks } from './role.ts'
import type { TraceEvent } from './trace.ts'

/** Rises with every change to what follows. */
export const tabVersion = 3

/** A word for each task, its params in an array. */
export const tasks = [
  'settlePairing',
  'withdraw',
  'card',
  'readCard',
  'forget',
  'revocations',
  'revoke',
  'changePerson',
  'note',
  'securityLog',
  'stats',
] as const satisfies readonly (keyof Tasks)[]

type TaskWords = { [T in keyof Tasks]: Parameters<Tasks[T]> }

/** What a follower asks of its leader; the answers are in the comments. */
export interface LeaderWords extends TaskWords {
  /** First. Answered with the peers of all links, when the first news have been told. */
  hello: [version: number]
  news: FollowerNews
  /** The ids of those that the peer has handled, and of those that it has refused. */
  delivered: [peer: string, ids: string[]]
  /** Whether there was still time. */
  takeBack: [peer: string, id: string]
  connect: [peer: string]
  /** The peer's answer. The params as they go to the peer. */
  request: [peer: string, method: string, params: Uint8Array]
  /** Opens a stream to the follower, named by the token. */
  stream: [peer: string, name: string, token: string]
  /** A ticket as text. */
  invite: InviteOptions
  /** An address as text. */
  address: AddressOptions
  /** The methods of strangers' queries that the follower answers. */
  answers: string[]
  /** The PeerId. `served` with the same token follows. */
  accept: [ticket: string, options: Omit<AcceptOptions, 'signal'>, token: string]
  served: [token: string]
  /** Whether somebody listens. */
  trace: boolean
}

/** Each link whose handlers or drafts are others than before. */
export type FollowerNews = [
  peer: string,
  takesMessages: boolean,
  takesStreams: boolean,
  methods: string[],
  hasDrafts: boolean,
][]

/** What a leader asks of a follower. */
export interface FollowerWords {
  news: LeaderNews
  /** Answered when it is handled. */
  message: [peer: string, info: MessageInfo, message: unknown]
  /** The handler's answer. */
  request: [peer: string, method: string, params: unknown]
  /** The same, for a stranger. */
  query: [method: string, params: unknown]
}

/** Only what is new. */
export interface LeaderNews {
  links: [peer: string, state: LinkState, queued: number, events: LinkNews[]][]
  people: [peer: string, person: Person][]
  forgotten: string[]
  tickets: string[] | null
  pairings: [id: string, code: string][] | null
  addresses: string[] | null
  /** Dates as Unix ms. */
  devices: [key: string, isThis: boolean, lastMetMs: number | null][] | null
  signaling: [path: string, state: PathState['state']][] | null
  skewMs: number | null
  isRevoked: boolean
  security: SecurityEvent[]
  trace: TraceEvent[]
}

export type LinkNews =
  | ['delivered', log: string, from: number, to: number]
  /** Of the follower's own drafts; without an id: refused. */
  | ['adopted', n: number, id: string | null]
  | ['refused', id: string]
  | ['gap', from: number, to: number]
  | ['rollback']
  | ['stuck', id: string, message: unknown, error: TabError, attempts: number]
  | ['error', error: TabError]

export type TabError = [code: ErrorCode, text: string]

/** What another tab may learn of an error. */
export const toTabError = (error: unknown): TabError =>
  error instanceof HandfastError ? [error.code, error.message] : ['request-failed', String(error)]

export const fromTabError = ([code, text]: TabError): HandfastError => new HandfastError(code, text)

/** Names of streams from the leader that the follower has asked for; all others begin with a PeerId. */
export const askedFor = '#'
