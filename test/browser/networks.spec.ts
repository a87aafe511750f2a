/**
 * Networks that are cut and change under traffic, for real: two browsers and a relay in network namespaces of their own. Nothing is lost
 * or doubled, and the peers find each other again.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { record, tier } from '../support/campaign.ts'
import { seededRandom } from '../support/seeded.ts'
import {
  durablePage,
  expect,
  expectDelivered,
  expectOpen,
  expectSettled,
  meet,
  reconnectMs,
  send,
  sendOn,
  test as base,
} from './support/durable.ts'
import { Host } from './support/host.ts'
import type { BrowserName } from './support/installed.ts'
import { launchOptions } from './support/launch.ts'
import { canMakeNetworks, hubAddress, Network } from './support/namespaces.ts'
import type { RelayProcess } from './support/relay-process.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

interface Neighbourhood {
  readonly network: Network
  readonly relay: RelayProcess
  /** On the hosts `a` and `b`. */
  readonly hosts: readonly [Host, Host]
}

const test = base.extend<{ neighbourhood: Neighbourhood }>({
  neighbourhood: async ({ startRelayProcess, browserName, headless, baseURL }, use) => {
    base.skip(!canMakeNetworks(), 'needs root, and `ip netns`')
    const folder = await mkdtemp(join(tmpdir(), 'handfast-network-'))
    // A socket in the file system is the same for all hosts.
    const path = join(folder, 'pages')
    const pages = Number(new URL(baseURL!).port)
    const server = createServer((socket) => {
      const onward = connect(pages, '127.0.0.1')
      socket.pipe(onward).pipe(socket)
      socket.on('error', () => onward.destroy())
      onward.on('error', () => socket.destroy())
    })
    await new Promise<void>((resolve) => server.listen(path, resolve))
    const network = new Network(['a', 'b'])
    try {
      const relay = await startRelayProcess(hubAddress, network.on())
      const { port } = new URL(relay.url)
      const name = browserName as BrowserName
      const options = launchOptions(name, true, headless ?? true)
      if (name === 'chromium') {
        // Names of one host mean nothing on another.
        options.args = [...options.args!, '--disable-features=WebRtcHideLocalIpsWithMdns']
      }
      const open = async (host: string) => {
        const opened = await Host.start(network.on(host), name, options)
        await opened.door(pages, { path })
        await opened.door(Number(port), { host: hubAddress, port: Number(port) })
        await opened.goto(new URL(durablePage(`ws://127.0.0.1:${port}/`), baseURL).href)
        return opened
      }
      const hosts = await Promise.all([open('a'), open('b')])
      await use({ network, relay, hosts })
      const errors = hosts.flatMap((host) => host.errors)
      expect(
        errors.filter((text) => !/WebSocket|can.t establish|ICE failed|interrupted/.test(text)),
      ).toEqual([])
    } finally {
      network.close()
      server.close()
      await rm(folder, { recursive: true })
    }
  },
})

const rounds = tier(2, 20)

// The hosts and their browsers included.
test.setTimeout(180_000 + rounds * 60_000)

test('messages outlive networks that are cut, fall silent or change @once', async ({
  neighbourhood: { network, relay, hosts },
  browserName,
}) => {
  await meet(...hosts)
  const random = seededRandom(11)
  const seconds = (from: number, to: number) => pause((from + random() * (to - from)) * 1_000)
  let address = 10
  const faults: Record<string, () => Promise<unknown>> = {
    'cable pulled': async () => {
      network.down('a')
      await seconds(5, tier(6, 20))
      network.up('a')
    },
    moved: async () => {
      network.move('b', `10.77.0.${address++}`)
    },
    silence: async () => {
      network.unplug('b')
      await seconds(5, tier(9, 20))
      network.plug('b')
    },
    'moved without a relay': async () => {
      await relay.kill()
      network.move('a', `10.77.0.${address++}`)
      await seconds(1, tier(3, 20))
      await relay.restart()
    },
  }
  // Reduced, each browser has two of them.
  const kinds = Object.keys(faults)
  if (browserName === 'firefox') kinds.reverse()
  const took: string[] = []
  for (let round = 0; round < rounds; round++) {
    const from = round * 1_000
    const kind = kinds[round % kinds.length]!
    for (const host of hosts) await sendOn(host, from, 200)
    await pause(random() * 50)
    await faults[kind]!()
    const healedMs = performance.now()
    await Promise.all(hosts.map((host) => send(host, from + 500, 10)))
    // A session may look open and be dead: it is there again when what was sent has arrived.
    await expectSettled(...hosts)
    await expectOpen(hosts)
    const tookMs = performance.now() - healedMs
    took.push(`${kind} ${Math.round(tookMs)}`)
    expect.soft(tookMs, kind).toBeLessThan(reconnectMs)
  }
  const [a, b] = hosts
  const accepted = (await expectDelivered(a, b)) + (await expectDelivered(b, a))
  record(`networks cut and changed in ${browserName}`, {
    rounds,
    'messages accepted, all handled once and in order': accepted,
    'ms until all had arrived': took.join(', '),
  })
})
