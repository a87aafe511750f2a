/** simple-peer with its defaults: trickled signals over the relay, `write` and `drain` for pacing. */

import type { Instance, SignalData } from 'simple-peer'
import SimplePeer from 'simple-peer/simplepeer.min.js'

import type { Adapter, OnMessage } from '../adapter.ts'
import { rawMessageBytes } from '../adapter.ts'
import { openMailbox } from '../mailbox.ts'

export const adapter: Adapter = {
  maxMessageBytes: rawMessageBytes,
  preservesMessages: true,

  async open(site) {
    const mailbox = await openMailbox(site)

    async function connect(round: number, initiator: boolean, onMessage: OnMessage) {
      const peer: Instance = new SimplePeer({ initiator, config: { iceServers: [] } })
      peer.on('signal', (signal) => mailbox.post(round, signal))
      peer.on('data', (data: Uint8Array) => onMessage(data.length))
      mailbox.listen(round, (signal) => peer.signal(signal as SignalData))
      await new Promise<void>((resolve, reject) => {
        peer.once('connect', resolve)
        peer.once('error', reject)
      })
      // Once connected, closing on one side shows as an error on the other.
      peer.on('error', () => {})
      return {
        send: (message: Uint8Array) => peer.send(message),
        async sendMany(message: Uint8Array, count: number) {
          for (let sent = 0; sent < count; sent++) {
            if (!peer.write(message))
              await new Promise<void>((resolve) => peer.once('drain', resolve))
          }
        },
        async close() {
          peer.destroy()
        },
      }
    }

    return {
      ready: (round) => mailbox.ready(round),
      dial: (round, onMessage) => connect(round, true, onMessage),
      answer: (round, onMessage) => connect(round, false, onMessage),
    }
  },
}
