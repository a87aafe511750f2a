import { afterAll, beforeAll, describe, test } from 'vitest'
import { WebSocket } from 'ws'
import { systemRuntime as runtime } from '../../../lib/base/runtime.ts'
import { type RunningRelay, startRelay } from '../../../lib/relay/node.ts'
import { CombinedSignaling } from '../../../lib/signaling/combined.ts'
import { ManualSignaling } from '../../../lib/signaling/manual.ts'
import { RelayClient } from '../../../lib/signaling/relay-client.ts'
import { TabSignaling } from '../../../lib/signaling/tabs.ts'
import { type SignalingPair, signalingChecks } from '../../conformance/signaling.ts'

let relay: RunningRelay

beforeAll(async () => {
  relay = await startRelay({ port: 0, limits: { publishesPerSecondPerTag: 1000 } })
})
afterAll(() => relay.close())

const none = async () => {}
const client = () => new RelayClient({ url: relay.url, runtime, WebSocket })

function manualPair() {
  const a = new ManualSignaling()
  const b = new ManualSignaling()
  const carry = (to: ManualSignaling) => (text: string) => {
    queueMicrotask(() => {
      try {
        to.receive(text)
      } catch {
        // Pasted into a closed page: nobody is there to complain to.
      }
    })
  }
  a.on('outgoing', carry(b))
  b.on('outgoing', carry(a))
  return { a, b }
}

let channel = 0
function tabPair() {
  const channelName = `conformance ${channel++}`
  return {
    a: new TabSignaling({ runtime, channelName }),
    b: new TabSignaling({ runtime, channelName }),
  }
}

const makers: Record<string, () => Promise<SignalingPair>> = {
  'relay client': async () => ({ a: client(), b: client(), countsReceivers: true, close: none }),
  tabs: async () => ({ ...tabPair(), countsReceivers: true, close: none }),
  manual: async () => ({ ...manualPair(), countsReceivers: false, close: none }),
  combined: async () => {
    const tabs = tabPair()
    const manual = manualPair()
    const [relayA, relayB] = [client(), client()]
    const paths = [tabs.a, tabs.b, manual.a, manual.b, relayA, relayB]
    return {
      a: new CombinedSignaling({ runtime }, [manual.a, tabs.a, relayA]),
      b: new CombinedSignaling({ runtime }, [manual.b, tabs.b, relayB]),
      countsReceivers: true,
      close: async () => void (await Promise.all(paths.map((path) => path.close()))),
    }
  },
}

for (const [name, makePair] of Object.entries(makers)) {
  describe(`signaling: ${name}`, () => {
    for (const check of signalingChecks) test(check.name, () => check.run(makePair), 20_000)
  })
}
