/**
 * The deterministic simulator: whole peers under one seed, in virtual time, with faults ({@link run}) and crashes ({@link crashRun}).
 *
 * @module handfast/sim
 */

export type { Checker } from './checker.ts'
export { crashRun, type CrashPoint, type CrashReport } from './crash-points.ts'
export { faultKinds, survivableFaults, type FaultKind } from './faults.ts'
export type { Peer } from './peer.ts'
export type { Process } from './process.ts'
export { run, shrink, type Report, type RunOptions } from './run.ts'
export type { Trace } from './trace.ts'
export { World, type WorldOptions } from './world.ts'
