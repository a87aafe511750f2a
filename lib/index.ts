/** The public face of the library: re-exports only. */

export { HandfastError, type ErrorCode } from './base/errors.ts'
export type { Runtime } from './base/runtime.ts'
export { Identity, type IdentityOptions } from './identity/identity.ts'
export { parsePeerId, type PeerId } from './identity/peer-id.ts'
export type { Delivery } from './link/delivery.ts'
export type { Gap, MessageHandler, MessageInfo, Stuck } from './link/inbox.ts'
export type { RequestHandler } from './link/calls.ts'
export type { Link, LinkEvents, RequestOptions } from './link/link.ts'
export type { LinkState } from './link/state.ts'
export type { LinkStream } from './link/streams.ts'
export {
  Mesh,
  type AcceptOptions,
  type InviteOptions,
  type MeshEvents,
  type MeshOptions,
} from './mesh/mesh.ts'
export type { PathState } from './mesh/paths.ts'
export { ManualSignaling } from './signaling/manual.ts'
export type { Signaling } from './signaling/signaling.ts'
export { IdbStore } from './storage/idb-store.ts'
export { MemoryStore } from './storage/memory-store.ts'
export type { Store, StoreTransaction, TransactionOptions } from './storage/store.ts'
export { Ticket } from './ticket/ticket.ts'
export type { Attempt, Channel, Transport } from './transport/transport.ts'
export type { IceOptions } from './transport/webrtc.ts'
