/** The public face of the library: re-exports only. */

export { HandfastError, type ErrorCode } from './base/errors.ts'
export type { Runtime } from './base/runtime.ts'
export { Identity } from './identity/identity.ts'
export type { IdentityOptions, RestoreOptions, RootSource } from './identity/options.ts'
export type { IdentityEvents, IdentityNote } from './identity/keyring.ts'
export { parsePeerId, type PeerId } from './identity/peer-id.ts'
export type { Signer } from './identity/signer.ts'
export type { Delivery } from './link/delivery.ts'
export type { Gap, MessageHandler, MessageInfo, Stuck } from './link/inbox.ts'
export type { RequestHandler } from './link/calls.ts'
export type { Scopes } from './identity/scopes.ts'
export type { Link, LinkEvents, SendOptions } from './link/link.ts'
export type { LinkState } from './link/state.ts'
export type { LinkStream } from './link/streams.ts'
export type { RequestOptions } from './link/within.ts'
export type { SecurityEvent, SecurityEventKind, SecurityLogOptions } from './mesh/journal.ts'
export { joinIdentity, type Joining, type JoinOptions } from './mesh/joining.ts'
export type { OwnDevice } from './mesh/own-devices.ts'
export type { Pairing } from './mesh/pairing.ts'
export { Mesh } from './mesh/mesh.ts'
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
export { ManualSignaling } from './signaling/manual.ts'
export type { Signaling } from './signaling/signaling.ts'
export { IdbStore } from './storage/idb-store.ts'
export { MemoryStore } from './storage/memory-store.ts'
export type { Store, StoreTransaction, TransactionOptions } from './storage/store.ts'
export { Address } from './ticket/address.ts'
export { Ticket } from './ticket/ticket.ts'
export type { Attempt, Channel, Transport } from './transport/transport.ts'
export type { IceOptions } from './transport/webrtc.ts'
