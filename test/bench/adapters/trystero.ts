/**
 * Trystero over the relay, through the strategy its documentation gives for any publish/subscribe service. It has no notion of
 * dialling: the answerer waits in a room and the dialler joins it. Both pages sit in another room all along, as an application
 * that is already running would, so that its pool of ready offers is warm. Awaiting each send is its pacing.
 */

import { createTopicStrategy, type Room } from '@trystero-p2p/core'

import type { Adapter, OnMessage } from '../adapter.ts'
import { openRelay, tagOf } from '../mailbox.ts'

/** How long it keeps connections that no room needs: two minutes unless told. */
const idleMs = 100

export const adapter: Adapter = {
  maxMessageBytes: Infinity,
  preservesMessages: true,

  async open(site) {
    const relay = await openRelay(site)
    const encoder = new TextEncoder()
    const decoder = new TextDecoder()
    const joinRoom = createTopicStrategy({
      init: () => relay,
      subscribeTopic: async (client, topic, onMessage) =>
        client.subscribe(await tagOf(topic), (payload) =>
          onMessage(topic, decoder.decode(payload)),
        ),
      async publishTopic(client, topic, payload) {
        const text = typeof payload === 'string' ? payload : JSON.stringify(payload)
        await client.publish(await tagOf(topic), encoder.encode(text))
      },
    })
    const join = (appId: string, room: string) =>
      joinRoom({ appId, rtcConfig: { iceServers: [] }, _test_only_sharedPeerIdleMs: idleMs }, room)
    join(`${site.self} lobby`, 'lobby')

    // Connections are shared by the rooms of an application: an application id for each makes each connection a new one.
    const appId = (round: number) => `${[site.self, site.other].sort().join(' ')} ${round}`

    async function connect(room: Room, onMessage: OnMessage) {
      const action = room.makeAction<Uint8Array<ArrayBuffer>>('bench', {
        onMessage: (message) => onMessage(message.byteLength),
      })
      await new Promise<void>((resolve) => {
        room.onPeerJoin = () => resolve()
      })
      return {
        send: (message: Uint8Array<ArrayBuffer>) => void action.send(message),
        async sendMany(message: Uint8Array<ArrayBuffer>, count: number) {
          for (let sent = 0; sent < count; sent++) await action.send(message)
        },
        async close() {
          await room.leave()
          // It keeps a connection of no room for a while yet.
          await new Promise((resolve) => setTimeout(resolve, 3 * idleMs))
        },
      }
    }

    const waiting = new Map<number, Room>()
    return {
      async ready(round) {
        if (site.role !== 'answerer') return ''
        waiting.set(round, join(appId(round), 'room'))
        // Its presence is announced at once and again after 0.2 and 0.5 s; an answerer that has been there for a while is past that.
        await new Promise((resolve) => setTimeout(resolve, 1000))
        return ''
      },
      dial: (round, onMessage) => connect(join(appId(round), 'room'), onMessage),
      async answer(round, onMessage) {
        const room = waiting.get(round)!
        waiting.delete(round)
        return connect(room, onMessage)
      },
    }
  },
}
