/** The deterministic simulator: `handfast/sim`. */

export { crashRun, type CrashPoint, type CrashReport } from './crash-points.ts'
export { faultKinds, survivableFaults, type FaultKind } from './faults.ts'
export type { Peer } from './peer.ts'
export type { Process } from './process.ts'
export { run, shrink, type Report, type RunOptions } from './run.ts'
export { World, type WorldOptions } from './world.ts'
