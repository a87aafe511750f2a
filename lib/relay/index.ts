/**
 * The relay: a server of its own ({@link startRelay}), a part of one that there is ({@link attachRelay}), a plug-in for Vite
 * ({@link relayPlugin}), or its core alone, without a network ({@link RelayCore}). It runs in Node.
 *
 * @module handfast/relay
 */

export { type RelayConnection, RelayCore, type RelayCoreOptions, type RelayLimits } from './core.ts'
export type { CloseReason, RelayMetrics } from './metrics.ts'
export {
  attachRelay,
  type AttachedRelay,
  type AttachRelayOptions,
  type RunningRelay,
  startRelay,
  type StartRelayOptions,
  type UpgradeListener,
  type UpgradeServer,
} from './node.ts'
export { type RelayPlugin, relayPlugin, type ViteServer } from './vite.ts'
