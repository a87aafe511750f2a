/** The relay for Node: `handfast/relay`. */

export { type RelayConnection, RelayCore, type RelayCoreOptions, type RelayLimits } from './core.ts'
export {
  attachRelay,
  type AttachedRelay,
  type AttachRelayOptions,
  type RunningRelay,
  startRelay,
  type StartRelayOptions,
  type UpgradeServer,
} from './node.ts'
export { relayPlugin } from './vite.ts'
