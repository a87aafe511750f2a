/**
 * What the tab that leads and one that follows ask each other, and in which form: CBOR arrays and maps, read without much ado, since both
 * run the same version of this library. They say so first.
 */

import type { MessageInfo } from '../link/inbox.ts'
import type { Person } from '../link/person.ts'
import type { LinkState } from '../link/state.ts'
import type { SecurityEvent } from './journal.ts'
import type { Known } from './known.ts'
import type { AcceptOptions } from './options.ts'
import type { Tasks } from './tasks.ts'
import type { TabError } from './tab-error.ts'
import type { TraceEvent } from './trace.ts'

/** Rises with every change to what follows. */
export const tabVersion = 4

/** A word for each task, its params in an array. */
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
  /** The PeerId. `served` with the same token follows. */
  accept: [ticket: string, options: Omit<AcceptOptions, 'signal'>, token: string]
  served: [token: string]
}

export interface FollowerNews {
  /** Each whose handlers or drafts are others than before. */
  links: FollowerLink[]
  /** Of strangers' queries that it answers. */
  methods: readonly string[]
  /** Whether somebody listens to the trace there. */
  isTraced: boolean
}

export type FollowerLink = [
  peer: string,
  takesMessages: boolean,
  takesStreams: boolean,
  methods: string[],
  hasDrafts: boolean,
]

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
  /** As `forms` writes them. */
  known: { [P in keyof Known]?: unknown }
  skewMs: number | null
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

/** Names of streams from the leader that the follower has asked for; all others begin with a PeerId. */
export const askedFor = '#'
