/** A bare RTCDataChannel: offer, answer and trickled candidates over the relay, paced by `bufferedamountlow`. */

import type { Adapter, Connection, OnMessage } from '../adapter.ts'
import { drained, lowWaterBytes, rawMessageBytes } from '../adapter.ts'
import { openMailbox } from '../mailbox.ts'

interface Signal {
  readonly description?: RTCSessionDescriptionInit
  readonly candidate?: RTCIceCandidateInit
}

function connection(peer: RTCPeerConnection, channel: RTCDataChannel): Connection {
  channel.bufferedAmountLowThreshold = lowWaterBytes
  return {
    send: (message) => channel.send(message),
    async sendMany(message, count) {
      for (let sent = 0; sent < count; sent++) {
        if (channel.bufferedAmount > lowWaterBytes) await drained(channel)
        channel.send(message)
      }
    },
    async close() {
      channel.close()
      peer.close()
    },
  }
}

function opened(channel: RTCDataChannel, onMessage: OnMessage): Promise<void> {
  channel.binaryType = 'arraybuffer'
  channel.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => onMessage(data.byteLength)
  return new Promise((resolve, reject) => {
    channel.onopen = () => resolve()
    channel.onerror = () => reject(new Error('channel failed'))
  })
}

export const adapter: Adapter = {
  maxMessageBytes: rawMessageBytes,
  preservesMessages: true,

  async open(site) {
    const mailbox = await openMailbox(site)

    async function connect(round: number, dialling: boolean, onMessage: OnMessage) {
      const peer = new RTCPeerConnection({ iceServers: [] })
      const post = (signal: Signal) => mailbox.post(round, signal)
      // Negotiated, as Handfast's is: no round trip for the channel's own opening.
      const channel = peer.createDataChannel('bench', { negotiated: true, id: 0 })
      const open = opened(channel, onMessage)
      peer.onicecandidate = ({ candidate }) => candidate && post({ candidate: candidate.toJSON() })
      let handled = Promise.resolve()
      mailbox.listen(round, (signal) => {
        const { description, candidate } = signal as Signal
        handled = handled.then(async () => {
          if (candidate) await peer.addIceCandidate(candidate)
          if (!description) return
          await peer.setRemoteDescription(description)
          if (dialling) return
          await peer.setLocalDescription()
          post({ description: peer.localDescription!.toJSON() })
        })
      })
      if (dialling) {
        await peer.setLocalDescription()
        post({ description: peer.localDescription!.toJSON() })
      }
      await open
      return connection(peer, channel)
    }

    return {
      ready: (round) => mailbox.ready(round),
      dial: (round, onMessage) => connect(round, true, onMessage),
      answer: (round, onMessage) => connect(round, false, onMessage),
    }
  },
}
