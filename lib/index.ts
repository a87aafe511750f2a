/**
 * For wallets: an identity, a mesh of links to other people, tickets to meet by. It runs in browsers; loading it does nothing.
 *
 * Every error is a {@link HandfastError} with a `code`. Start with {@link Identity.open} and {@link Mesh.open}.
 *
 * @module handfast
 */

export type { Unsubscribe } from './base/emitter.ts'
export { HandfastError, type ErrorCode } from './base/errors.ts'
export type { Runtime } from './base/runtime.ts'
export { ready } from './crypto/sodium.ts'
export { Identity } from './identity/identity.ts'
export type { IdentityOptions, RestoreOptions, RootSource } from './identity/options.ts'
export type { IdentityEvents, IdentityNote } from './identity/keyring.ts'
export { parsePeerId, type PeerId } from './identity/peer-id.ts'
export {
  verifySigned,
  type VerifiedMessage,
  type VerifyOptions,
} from './identity/signed-message.ts'
export type { Signer } from './identity/signer.ts'
export type { Delivery } from './link/delivery.ts'
export type { Gap, Stuck } from './link/events.ts'
export type { MessageHandler, MessageInfo } from './link/inbox.ts'
export type { RequestHandler } from './link/calls.ts'
export type { Scopes } from './identity/scopes.ts'
export type { Link, LinkEvents, SendOptions } from './link/link.ts'
export type { LinkStats } from './link/link-stats.ts'
export type { LinkState } from './link/state.ts'
export type { LinkStream } from './link/streams.ts'
export type { RequestOptions } from './link/within.ts'
export type { SecurityEvent, SecurityEventKind, SecurityLogOptions } from './mesh/journal.ts'
export { joinIdentity, type Joining, type JoinOptions } from './mesh/joining.ts'
export type { OwnDevice } from './mesh/known.ts'
export type { Pairing } from './mesh/pairing.ts'
export { Mesh } from './mesh/mesh.ts'
export type { MeshStats } from './mesh/stats.ts'
export type { TraceDetails, TraceEvent, TraceKind } from './mesh/trace.ts'
export type {
  AcceptOptions,
  AddressOptions,
  AnswerOptions,
  BackupOptions,
  InviteOptions,
  MeshEvents,
  MeshOptions,
} from './mesh/options.ts'
export type { PathState } from './mesh/paths.ts'
export { ask, type AskOptions } from './session/ask.ts'
export type { SessionEnd } from './session/session-end.ts'
export type { SessionStats, Traffic } from './session/session-stats.ts'
export { ManualSignaling } from './signaling/manual.ts'
export type { RelaySocket, RelaySocketConstructor } from './signaling/relay-client.ts'
export type { PacketListener, Signaling } from './signaling/signaling.ts'
export { IdbStore } from './storage/idb-store.ts'
export { MemoryStore } from './storage/memory-store.ts'
export type {
  Store,
  StoreRecord,
  StoreTransaction,
  StoreValue,
  Table,
  TransactionOptions,
} from './storage/store.ts'
export { Address } from './ticket/address.ts'
export { Ticket } from './ticket/ticket.ts'
export type { Attempt, CandidateKind, Channel, Route, Transport } from './transport/transport.ts'
export type { Candidate, CandidateType } from './transport/description.ts'
export type { IceOptions } from './transport/webrtc.ts'
