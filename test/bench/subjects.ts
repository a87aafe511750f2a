/** What is measured: a file of `adapters/` each, and the signalling server that it uses. */

export interface Subject {
  readonly name: string
  readonly signalling: 'relay' | 'peer-server'
  /** Sizes of message at which its throughput is of interest; all where absent. */
  readonly minMessageBytes?: number
  /** Measured for this only: the same library as another subject, used otherwise. */
  readonly only?: 'throughput' | 'stored'
}

export const subjects = [
  { name: 'raw', signalling: 'relay' },
  { name: 'simple-peer', signalling: 'relay' },
  { name: 'peerjs', signalling: 'peer-server' },
  { name: 'trystero', signalling: 'relay' },
  { name: 'handfast', signalling: 'relay' },
  { name: 'handfast-stream', signalling: 'relay', minMessageBytes: 16_384, only: 'throughput' },
  { name: 'handfast-stored', signalling: 'relay', only: 'stored' },
  { name: 'handfast-stored-slow', signalling: 'relay', only: 'stored' },
] as const satisfies readonly Subject[]

/** Measured with each message on disk before it leaves, and beside them what they are compared with. */
export const storedSubjects = ['raw', 'handfast', 'handfast-stored', 'handfast-stored-slow']

/** Those that Handfast is compared with, besides raw WebRTC. */
export const competitors = ['simple-peer', 'peerjs', 'trystero']
