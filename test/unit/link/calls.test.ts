import { isDeepStrictEqual } from 'node:util'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { HandfastError } from '../../../lib/base/errors.ts'
import * as limits from '../../../lib/base/limits.ts'
import * as kinds from '../../../lib/codec/record-kinds.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import { LinkPair, linkWithPuppet, value } from '../../support/link-pair.ts'
import { catchReportedErrors } from '../../support/reported-errors.ts'
import { virtualRuntime, type VirtualRuntime } from '../../support/virtual-runtime.ts'

beforeAll(ready)
const reported = catchReportedErrors()

let runtime: VirtualRuntime
beforeEach(() => void (runtime = virtualRuntime()))

const gates = () => {
  const waiting = new Map<unknown, (result?: unknown) => void>()
  const wait = (name: unknown) => new Promise((resolve) => void waiting.set(name, resolve))
  return { waiting, wait }
}

async function connected(options: { latencyMs?: number; maxMessageBytes?: number } = {}) {
  const pair = new LinkPair({ runtime, ...options })
  const opened = pair.links[0].connect()
  await runtime.advance(100)
  await opened
  return pair
}

describe('requests', () => {
  test('any number at a time, answered in any order', async () => {
    const pair = await connected()
    const { waiting, wait } = gates()
    pair.links[1].handle('echo', (params) => wait(params).then(() => params))
    const done: unknown[] = []
    const requests = Array.from({ length: 100 }, (_, n) =>
      pair.links[0].request('echo', n).then((result) => done.push(result)),
    )
    await runtime.settle()
    for (const n of [...waiting.keys()].reverse()) {
      waiting.get(n)!()
      await runtime.settle()
    }
    await Promise.all(requests)
    expect(done).toEqual(Array.from({ length: 100 }, (_, n) => 99 - n))
    await pair.close()
  })

  test('both ways at once, each with its own numbers', async () => {
    const pair = await connected()
    pair.links[0].handle('who', () => 'a')
    pair.links[1].handle('who', async () => 'b')
    const both = Promise.all([pair.links[0].request('who'), pair.links[1].request('who')])
    await runtime.settle()
    expect(await both).toEqual(['b', 'a'])
    await pair.close()
  })

  test('large ones do not hold up small ones, either way', async () => {
    const pair = await connected({ latencyMs: 1 })
    const order: string[] = []
    const large = new Uint8Array(3_500_000).fill(1)
    pair.links[1].handle('large', (params) => params)
    pair.links[1].handle('small', () => 'small')
    const requests = [
      ...['l1', 'l2', 'l3', 'l4', 'l5'].map((name) =>
        pair.links[0].request('large', large).then((result) => {
          expect(result).toHaveLength(large.length)
          order.push(name)
        }),
      ),
      pair.links[0].request('small').then(() => order.push('small')),
      pair.links[0].send('message').catch(() => {}),
    ]
    pair.links[1].on('message', () => void order.push('message'))
    await runtime.advance(300)
    await Promise.all(requests)
    expect(order.slice(0, 2).sort()).toEqual(['message', 'small'])
    expect(order).toHaveLength(7)
    await pair.close()
  })

  test('on the smallest channel', async () => {
    const pair = await connected({ maxMessageBytes: limits.minChannelMessageBytes })
    pair.links[1].handle('echo', (params) => params)
    const sizes = [0, 400, 900, 980, 1_000, 1_100, 4_000, 4_200, 30_000]
    const requests = sizes.map((size) => pair.links[0].request('echo', new Uint8Array(size)))
    await runtime.settle()
    const results = await Promise.all(requests)
    expect(results.map((result) => (result as Uint8Array).length)).toEqual(sizes)
    await pair.close()
  })

  test('every value; the largest', async () => {
    const pair = await connected()
    pair.links[1].handle('echo', (params) => params)
    const values = [
      null,
      undefined,
      0,
      1n,
      'x',
      [],
      {},
      { a: [1n, null] },
      new Uint8Array(limits.maxValueBytes - 5),
    ]
    for (const each of values) {
      const echo = pair.links[0].request('echo', each)
      await runtime.advance(100)
      expect(isDeepStrictEqual(await echo, each ?? null)).toBe(true)
    }
    await expect(
      pair.links[0].request('echo', new Uint8Array(limits.maxValueBytes)),
    ).rejects.toMatchObject({ code: 'too-large' })
    await expect(pair.links[0].request('echo', () => {})).rejects.toMatchObject({
      code: 'invalid-argument',
    })
    await pair.close()
  })

  test('an unknown method, a bad name', async () => {
    const pair = await connected()
    const unknown = expect(pair.links[0].request('nothing')).rejects.toMatchObject({
      code: 'no-handler',
    })
    await runtime.settle()
    await unknown
    const off = pair.links[1].handle('here', () => 1)
    off()
    const gone = expect(pair.links[0].request('here')).rejects.toMatchObject({ code: 'no-handler' })
    await runtime.settle()
    await gone
    for (const name of ['', 'x'.repeat(65), 5 as unknown as string]) {
      await expect(pair.links[0].request(name)).rejects.toMatchObject({ code: 'invalid-argument' })
    }
    const before = runtime.pendingTimers
    await expect(pair.links[0].request('\ud800')).rejects.toMatchObject({
      code: 'invalid-argument',
    })
    expect(runtime.pendingTimers).toBe(before)
    await pair.close()
  })

  test('a handler that throws: its own words stay here, a HandfastError speaks for it', async () => {
    const pair = await connected()
    const texts = [
      'no funds',
      '',
      'x'.repeat(255) + '🦊 and more',
      '\ud800',
      '\ufefftext',
      'ü'.repeat(2_000),
    ]
    pair.links[1].handle('secret', async () => {
      throw new Error('the password is hunter2')
    })
    pair.links[1].handle('odd', () => new Date())
    pair.links[1].handle('said', (n) => {
      throw new HandfastError('closed', texts[n as number]!)
    })
    const secret = pair.links[0].request('secret').catch((error: unknown) => error)
    await runtime.settle()
    expect(await secret).toMatchObject({ code: 'request-failed' })
    expect(String(await secret)).not.toContain('hunter2')
    expect(reported).toHaveLength(1)
    const odd = expect(pair.links[0].request('odd')).rejects.toMatchObject({
      code: 'request-failed',
    })
    await runtime.settle()
    await odd
    for (let n = 0; n < texts.length; n++) {
      const said = pair.links[0]
        .request('said', n)
        .catch((error: unknown) => error as HandfastError)
      await runtime.settle()
      const error = (await said) as HandfastError
      expect(error.code).toBe('request-failed')
      expect(error.message.length).toBeLessThanOrEqual(256)
      if (n === 0) expect(error.message).toBe('no funds')
    }
    expect(reported).toHaveLength(1)
    await pair.close()
  })

  test('cancelling aborts the handler, once', async () => {
    const pair = await connected()
    let signal!: AbortSignal
    const { waiting, wait } = gates()
    pair.links[1].handle('slow', (_, context) => {
      signal = context.signal
      return wait('slow')
    })
    const controller = new AbortController()
    const request = pair.links[0].request('slow', null, { signal: controller.signal })
    await runtime.settle()
    expect(signal.aborted).toBe(false)
    controller.abort(new Error('enough'))
    await expect(request).rejects.toThrow('enough')
    await runtime.settle()
    expect(signal.aborted).toBe(true)
    waiting.get('slow')!('late')
    await runtime.settle()
    await expect(
      pair.links[0].request('slow', null, { signal: controller.signal }),
    ).rejects.toThrow('enough')
    expect(pair.connections[0]!.sessions[0].isOpen).toBe(true)
    await pair.close()
  })

  test('a time-out', async () => {
    const pair = await connected()
    let signal!: AbortSignal
    pair.links[1].handle('slow', (_, context) => {
      signal = context.signal
      return new Promise(() => {})
    })
    const request = expect(
      pair.links[0].request('slow', null, { timeoutMs: 500 }),
    ).rejects.toMatchObject({ code: 'timeout' })
    await runtime.advance(500)
    await request
    await runtime.settle()
    expect(signal.aborted).toBe(true)
    await pair.close()
  })

  test('the session ends: interrupted here, aborted there', async () => {
    const pair = await connected()
    let signal!: AbortSignal
    pair.links[1].handle('slow', (_, context) => {
      signal = context.signal
      return new Promise(() => {})
    })
    const request = expect(pair.links[0].request('slow')).rejects.toMatchObject({
      code: 'interrupted',
    })
    await runtime.settle()
    pair.network.cut()
    await runtime.settle()
    await request
    expect(signal.aborted).toBe(true)
    await pair.close()
  })

  test('the link is closed: closed', async () => {
    const pair = await connected()
    pair.links[1].handle('slow', () => new Promise(() => {}))
    const request = expect(pair.links[0].request('slow')).rejects.toMatchObject({ code: 'closed' })
    await runtime.settle()
    await pair.close()
    await request
    await expect(pair.links[0].request('slow')).rejects.toMatchObject({ code: 'closed' })
    await expect(pair.links[0].send(1)).rejects.toMatchObject({ code: 'closed' })
    await expect(pair.links[0].openStream('x')).rejects.toMatchObject({ code: 'closed' })
    await expect(pair.links[0].connect()).rejects.toMatchObject({ code: 'closed' })
    expect(runtime.pendingTimers).toBe(0)
  })

  test('one that comes while the session says bye waits for the next session', async () => {
    const pair = await connected({ latencyMs: 10 })
    pair.links[1].handle('echo', (params) => params)
    const { sessions } = pair.connections[0]!
    void sessions[1].close('idle')
    await runtime.advance(10)
    // The bye has just come, and the answer is on its way.
    expect(sessions[0].isOpen).toBe(false)
    const request = pair.links[0].request('echo', 7)
    await runtime.advance(2_000)
    expect(await request).toBe(7)
    expect(pair.connections).toHaveLength(2)
    await pair.close()
  })

  test('256 are handled at a time, 1,024 wait', async () => {
    const pair = await connected()
    let running = 0
    pair.links[1].handle('slow', () => (running++, new Promise(() => {})))
    const requests = Array.from({ length: limits.maxPendingRequests }, () =>
      pair.links[0].request('slow').catch((error: HandfastError) => error.code),
    )
    await runtime.settle()
    expect(running).toBe(limits.maxConcurrentRequests)
    const refused = await Promise.all(requests.slice(limits.maxConcurrentRequests))
    expect(new Set(refused)).toEqual(new Set(['queue-full']))
    const more = Array.from({ length: limits.maxPendingRequests + 1 }, () =>
      pair.links[0].request('slow').catch((error: HandfastError) => error.code),
    )
    await runtime.settle()
    expect(await more.at(-1)).toBe('queue-full')
    await pair.close()
    expect(await requests[0]).toMatch(/interrupted|closed/)
  })
})

describe('a peer that breaks the rules', () => {
  const params = value(1)

  test.each([
    ['a request id of text', [kinds.request, '1', 'm', params]],
    ['a negative request id', [kinds.request, -1, 'm', params]],
    ['a fraction', [kinds.request, 0.5, 'm', params]],
    ['a method of bytes', [kinds.request, 1, params, params]],
    ['params that are no bytes', [kinds.request, 1, 'm', { a: 1 }]],
    ['a response that is no bytes', [kinds.response, 0, 'x']],
    ['a failure with an unknown code', [kinds.failure, 0, 9, 'x']],
    ['a failure with a code of text', [kinds.failure, 0, 'length', 'x']],
    ['a failure without text', [kinds.failure, 0, 1]],
    ['a cancel without id', [kinds.cancel]],
  ])('%s', async (_, record) => {
    const { link, puppet, close } = await linkWithPuppet(runtime)
    let calls = 0
    link.handle('m', () => void calls++)
    const request = link.request('own').catch((error: HandfastError) => error.code)
    await runtime.settle()
    puppet.send(record)
    await runtime.settle()
    expect(await puppet.session.ended).toBe('protocol')
    expect(await request).toBe('interrupted')
    expect(calls).toBe(0)
    await close()
  })

  test('a number that is being handled', async () => {
    const { link, puppet, close } = await linkWithPuppet(runtime)
    let calls = 0
    link.handle('m', () => (calls++, new Promise(() => {})))
    puppet.send([kinds.request, 1, 'm', params], [kinds.request, 2, 'm', params])
    await runtime.settle()
    expect(puppet.session.isOpen).toBe(true)
    puppet.send([kinds.request, 1, 'm', params])
    await runtime.settle()
    expect(await puppet.session.ended).toBe('protocol')
    expect(calls).toBe(2)
    await close()
  })

  test('answers nobody waits for are ignored, params that are no CBOR answered', async () => {
    const { link, puppet, close } = await linkWithPuppet(runtime)
    link.handle('m', () => 1)
    puppet.send(
      [kinds.response, 77, params],
      [kinds.failure, 78, 0, 'x'],
      [kinds.cancel, 79],
      [kinds.request, 5, 'm', Uint8Array.of(0xff)],
    )
    await runtime.settle()
    expect(puppet.session.isOpen).toBe(true)
    expect(puppet.records.at(-1)!.slice(0, 3)).toEqual([kinds.failure, 5, 1])
    expect(reported).toEqual([])
    const request = link.request('own')
    await runtime.settle()
    puppet.send([kinds.response, 0, Uint8Array.of(0xff)])
    await expect(request).rejects.toMatchObject({ code: 'bad-encoding' })
    await close()
  })

  test('one that asks on and takes no answers', { timeout: 20_000 }, async () => {
    const { link, puppet, close } = await linkWithPuppet(runtime)
    // Nothing leaves any more.
    Object.defineProperty(puppet.session, 'wake', { value: () => {} })
    link.handle('m', () => 1)
    for (let n = 0; n < 30_000 && puppet.session.isOpen; n += 200) {
      puppet.send(...Array.from({ length: 200 }, (_, i) => [kinds.request, n + i, 'm', params]))
      await runtime.settle()
    }
    expect(await puppet.session.ended).toBe('protocol')
    await close()
  })
})
