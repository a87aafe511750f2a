import { describe, expect, test } from 'vitest'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { MemoryNetwork, type MemoryNetworkOptions } from '../../../lib/transport/memory.ts'
import { connect, transportChecks } from '../../conformance/transport.ts'

const make = (options: Partial<MemoryNetworkOptions> = {}) => {
  const network = new MemoryNetwork({ runtime: systemRuntime, ...options })
  return { network, alice: network.transport(), bob: network.transport() }
}

const variants: Record<string, Partial<MemoryNetworkOptions>> = {
  'without latency': {},
  'with latency': { latencyMs: 3 },
  'with late candidates': { latencyMs: 1, candidateDelayMs: 5 },
  'with small messages': { maxMessageBytes: 20_000 },
}

describe.each(Object.entries(variants))('memory transport %s', (_, options) => {
  test.each(transportChecks.map((check) => [check.name, check] as const))(
    '%s',
    async (_, check) => {
      const pair = make(options)
      await check.run(() => pair)
      expect(pair.network.size).toBe(0)
    },
  )
})

describe('memory network', () => {
  test('a cut ends every channel and attempt, and later ones work', async () => {
    const pair = make({ latencyMs: 1 })
    const { near, far } = await connect(pair)
    const waiting = pair.alice.offer()
    pair.network.cut()
    await Promise.all([near.closed, far.closed])
    await expect(waiting.channel).rejects.toMatchObject({ code: 'transport-failed' })
    expect(pair.network.size).toBe(0)
    ;(await connect(pair)).near.close()
  })

  test('silence loses everything and tells nobody, and later channels work', async () => {
    const pair = make()
    const { near, far } = await connect(pair)
    let arrived = 0
    let closed = false
    far.onMessage(() => arrived++)
    void far.closed.then(() => (closed = true))
    pair.network.silence()
    near.send(new Uint8Array(10))
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(near.bufferedBytes).toBe(10)
    near.close()
    await near.closed
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect({ arrived, closed }).toEqual({ arrived: 0, closed: false })
    ;(await connect(pair)).near.close()
  })

  test('no channel opens while neither side has the other’s candidate', async () => {
    const { alice, bob } = make({ candidateDelayMs: 1 })
    const offering = alice.offer()
    const answering = bob.answer(await offering.description)
    offering.accept(await answering.description)
    let opened = false
    void offering.channel.then(() => (opened = true))
    const candidates = await new Promise((resolve) => answering.onCandidates(resolve))
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(opened).toBe(false)
    offering.addCandidates(candidates)
    await offering.channel
  })

  test('an offer is answered by one peer only', async () => {
    const { alice, bob } = make()
    const offering = alice.offer()
    const offer = await offering.description
    const first = bob.answer(offer)
    const second = bob.answer(offer)
    offering.accept(await second.description)
    await second.channel
    let opened = false
    void first.channel.then(() => (opened = true))
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(opened).toBe(false)
  })
})
