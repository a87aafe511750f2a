import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as bytes from '../../../lib/base/bytes.ts'
import { deferred } from '../../../lib/base/deferred.ts'
import { Emitter } from '../../../lib/base/emitter.ts'
import { Queue } from '../../../lib/base/queue.ts'
import { Semaphore } from '../../../lib/base/semaphore.ts'
import { TokenBucket } from '../../../lib/base/token-bucket.ts'
import { catchReportedErrors } from '../../support/reported-errors.ts'

const reported = catchReportedErrors()

describe('a queue', () => {
  test('does what an array does', () => {
    const command = fc.oneof(
      fc.constant('shift' as const),
      fc.constant('clear' as const),
      fc.record({ push: fc.nat(5) }),
      fc.record({ remove: fc.nat(5) }),
      fc.record({ at: fc.nat(10) }),
      fc.record({ lots: fc.integer({ min: 500, max: 3_000 }) }),
      fc.record({ shifts: fc.integer({ min: 500, max: 3_000 }) }),
    )
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const queue = new Queue<number>()
        let model: number[] = []
        for (const each of commands) {
          if (each === 'shift') expect(queue.shift()).toBe(model.shift())
          else if (each === 'clear') {
            queue.clear()
            model = []
          } else if ('push' in each) {
            queue.push(each.push)
            model.push(each.push)
          } else if ('remove' in each) {
            const index = model.indexOf(each.remove)
            if (index >= 0) model.splice(index, 1)
            expect(queue.remove(each.remove)).toBe(index >= 0)
          } else if ('at' in each) expect(queue.at(each.at)).toBe(model[each.at])
          else if ('lots' in each) {
            for (let i = 0; i < each.lots; i++) {
              queue.push(i)
              model.push(i)
            }
          } else for (let i = 0; i < each.shifts; i++) expect(queue.shift()).toBe(model.shift())
          expect(queue.length).toBe(model.length)
        }
      }),
      { numRuns: 60 },
    )
  })
})

describe('a semaphore', () => {
  test('lets so many run, the others in order, also after failures', async () => {
    const semaphore = new Semaphore(3)
    const ends: (() => void)[] = []
    const begun: number[] = []
    const runs = Array.from({ length: 8 }, (_, n) =>
      semaphore.run(async () => {
        begun.push(n)
        await new Promise<void>((resolve) => ends.push(resolve))
        if (n % 2 === 0) throw new Error(`${n}`)
        return n
      }),
    )
    const results = Promise.allSettled(runs)
    await Promise.resolve()
    expect(begun).toEqual([0, 1, 2])
    for (let n = 0; n < 8; n++) {
      ends[n]!()
      await new Promise((resolve) => setImmediate(resolve))
      expect(begun).toEqual(Array.from({ length: Math.min(8, n + 4) }, (_, i) => i))
    }
    expect((await results).map(({ status }) => status === 'fulfilled')).toEqual([
      false,
      true,
      false,
      true,
      false,
      true,
      false,
      true,
    ])
    expect(await semaphore.run(async () => 'free')).toBe('free')
  })

  test('a task that throws at once gives its place back', async () => {
    const semaphore = new Semaphore(1)
    for (let n = 0; n < 3; n++) {
      await expect(
        semaphore.run(() => {
          throw new Error('at once')
        }),
      ).rejects.toThrow('at once')
    }
  })
})

describe('a token bucket', () => {
  test('gives a burst at once, then so many a second, and never more than the burst', () => {
    const bucket = new TokenBucket(5, 2, 1_000)
    const taken = (nowMs: number) => {
      let n = 0
      while (bucket.take(nowMs)) n++
      return n
    }
    expect(taken(1_000)).toBe(5)
    expect(taken(1_499)).toBe(0)
    expect(taken(1_500)).toBe(1)
    expect(taken(3_000)).toBe(3)
    expect(taken(1_000_000)).toBe(5)
  })

  test('a cost that is refused takes nothing', () => {
    const bucket = new TokenBucket(10, 1, 0)
    expect(bucket.take(0, 11)).toBe(false)
    expect(bucket.take(0, 10)).toBe(true)
    expect(bucket.take(0)).toBe(false)
  })

  test('asked often, it fills all the same', () => {
    const bucket = new TokenBucket(1, 2, 0)
    let n = 0
    for (let nowMs = 0; nowMs <= 10_000; nowMs++) if (bucket.take(nowMs)) n++
    expect(n).toBeGreaterThanOrEqual(20)
    expect(n).toBeLessThanOrEqual(21)
  })
})

describe('an emitter', () => {
  test('calls all, in order; one that throws stops nobody; off is off', () => {
    const emitter = new Emitter<{ a: [number]; b: [] }>()
    const seen: string[] = []
    emitter.on('a', (n) => {
      seen.push(`first ${n}`)
      throw new Error('mine')
    })
    const second = (n: number) => void seen.push(`second ${n}`)
    const off = emitter.on('a', second)
    emitter.emit('a', 1)
    emitter.emit('b')
    off()
    off()
    emitter.emit('a', 2)
    expect(seen).toEqual(['first 1', 'second 1', 'first 2'])
    expect(reported).toHaveLength(2)
    expect([emitter.listenerCount('a'), emitter.listenerCount('b')]).toEqual([1, 0])
    emitter.clear()
    emitter.emit('a', 3)
    expect(seen).toHaveLength(3)
  })

  test('the same listener twice is two; one added meanwhile waits for the next event', () => {
    const emitter = new Emitter<{ a: [] }>()
    let n = 0
    const listener = () => void n++
    const off = emitter.on('a', listener)
    emitter.on('a', listener)
    emitter.emit('a')
    expect(n).toBe(2)
    off()
    emitter.emit('a')
    expect(n).toBe(3)
    emitter.on('a', () => void emitter.on('a', listener))
    emitter.emit('a')
    expect(n).toBe(4)
  })

  test('one undone during the event is not called', () => {
    const emitter = new Emitter<{ a: [] }>()
    let calls = 0
    emitter.on('a', () => off())
    const off = emitter.on('a', () => void calls++)
    emitter.emit('a')
    expect(calls).toBe(0)
  })
})

describe('bytes', () => {
  const arrays = fc.uint8Array({ maxLength: 20 })

  test('concat, equality and order are those of Buffer', () => {
    fc.assert(
      fc.property(arrays, arrays, (a, b) => {
        expect(bytes.concat(a, b)).toEqual(new Uint8Array(Buffer.concat([a, b])))
        expect(bytes.equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0)
        expect(Math.sign(bytes.compareBytes(a, b))).toBe(Buffer.compare(a, b))
      }),
    )
  })

  test('base64url comes back, and only in its one form', () => {
    fc.assert(
      fc.property(arrays, (a) => {
        expect(bytes.toBase64url(a)).toBe(Buffer.from(a).toString('base64url'))
        expect(bytes.fromBase64url(bytes.toBase64url(a))).toEqual(a)
      }),
    )
    for (const text of ['A', 'AB', 'AA=', 'A+', 'A A', 'é']) {
      expect(() => bytes.fromBase64url(text)).toThrow()
    }
  })

  test('u32be', () => {
    expect([...bytes.u32be(0x01020304)]).toEqual([1, 2, 3, 4])
    expect([...bytes.u32be(0xffff_ffff)]).toEqual([255, 255, 255, 255])
  })
})

test('a deferred is its promise', async () => {
  const good = deferred<number>()
  good.resolve(1)
  good.reject(new Error('late'))
  expect(await good.promise).toBe(1)
  const bad = deferred<void>()
  bad.reject(new Error('no'))
  await expect(bad.promise).rejects.toThrow('no')
})
