import { expect, test } from 'vitest'
import { record, tier } from '../../support/campaign.ts'
import { cut, inWorld, isOpen, violationsOf, type Pair } from '../../support/sim-world.ts'

const timeout = 3600_000
const disconnects = tier(40, 1_000)
/** Between two disconnects. */
const messages = 100
const faults = [
  'loss',
  'duplication',
  'reordering',
  'corruption',
  'frame-delay',
  'store-latency',
  'store-failure',
  'handler-failure',
  'silence',
] as const

test(
  'messages outlive disconnects of every kind: none lost, doubled or out of order',
  { timeout },
  () =>
    inWorld({ seed: 11, peers: 2, faults }, async (world) => {
      const pair = [world.peers[0]!, world.peers[1]!] as const satisfies Pair
      const [one, other] = pair
      const counts = { cut: 0, silence: 0, crash: 0, sleep: 0, 'relay restart': 0 }
      const disconnect = {
        cut: () => cut(world, [pair]),
        silence: () => world.network.channels[0]!.goSilent(),
        crash: () => world.random.pick(pair)!.process.crashAt(1 + world.random.below(5)),
        sleep() {
          const { process } = world.random.pick(pair)!
          process.sleep()
          world.line.after(5_000, () => process.wake())
        },
        'relay restart'() {
          for (const relay of world.relays) relay.restart(3_000)
          cut(world, [pair])
        },
      }
      const kinds = Object.keys(disconnect) as (keyof typeof disconnect)[]
      world.acquaint(one, other)
      for (let number = 0; number < disconnects; number++) {
        const isReady = () => isOpen(pair) && world.checker.waiting <= messages
        await world.pass(600_000, isReady)
        expect(isReady(), `before disconnect ${number}`).toBe(true)
        expect(world.checker.violations.slice(0, 10), `before disconnect ${number}`).toEqual([])
        const kind = kinds[number % kinds.length]!
        const struckAt = world.random.below(messages)
        let isStruck = false
        // A side that is down sends nothing.
        for (let i = 0; !isStruck || world.checker.accepted < messages * (number + 1); i++) {
          if (!isStruck && i >= struckAt && world.network.channels.length > 0) {
            isStruck = true
            disconnect[kind]()
          }
          const [from, to] = i % 2 === 0 ? [one, other] : [other, one]
          from.send(to)
          await world.pass(10)
        }
        counts[kind]++
      }
      expect(await violationsOf(world, [pair])).toEqual([])
      const { accepted, handled, redelivered } = world.checker
      expect(handled).toBeGreaterThanOrEqual(accepted)
      expect(accepted).toBeGreaterThanOrEqual(messages * disconnects)
      record('messages over disconnects', {
        disconnects,
        accepted,
        handled,
        redelivered,
        ...counts,
      })
    }),
)
