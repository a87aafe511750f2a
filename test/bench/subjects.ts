/** What is measured: a file of `adapters/` each, and the signalling server that it uses. */

export interface Subject {
  readonly name: string
  readonly signalling: 'relay' | 'peer-server'
  /** Sizes of message at which its throughput is of interest; all where absent. */
  readonly minMessageBytes?: number
  readonly maxMessageBytes?: number
  /** Measured for throughput only: the same library as another subject, used otherwise. */
  readonly throughputOnly?: true
}

export const subjects = [
  { name: 'raw', signalling: 'relay' },
  { name: 'simple-peer', signalling: 'relay' },
  { name: 'peerjs', signalling: 'peer-server' },
  { name: 'trystero', signalling: 'relay' },
  { name: 'handfast', signalling: 'relay' },
  { name: 'handfast-stream', signalling: 'relay', minMessageBytes: 16_384, throughputOnly: true },
  { name: 'handfast-stored', signalling: 'relay', maxMessageBytes: 1024, throughputOnly: true },
] as const satisfies readonly Subject[]

/** Those that Handfast is compared with, besides raw WebRTC. */
export const competitors = ['simple-peer', 'peerjs', 'trystero']
