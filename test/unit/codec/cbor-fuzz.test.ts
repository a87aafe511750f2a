/** Hostile bytes give a value or a HandfastError, soon, whatever they are. Seeded, so that a failure comes again. */

import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { decode, decodeSequence, encode, type CborValue } from '../../../lib/codec/cbor.ts'
import { quickest } from '../../support/fastest.ts'
import { fill, outcome, repeat, seeded, text } from './cbor-inputs.ts'

const allowedMs = 10

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** Runs one input of up to 64 KiB through both decoders; returns whether `decode` gave a value. */
function survives(bytes: Uint8Array): boolean {
  const start = performance.now()
  const single = outcome(() => decode(bytes))
  outcome(() => decodeSequence(bytes))
  const tookMs = performance.now() - start
  if (tookMs > allowedMs) {
    const againMs = quickest(allowedMs, () => outcome(() => decode(bytes)))
    if (againMs > allowedMs) expect.fail(`${againMs} ms for ${hex(bytes.subarray(0, 64))}…`)
  }
  return single === 'ok'
}

/** Mostly small, as messages are; sometimes up to 64 KiB. */
const someLength = (random: () => number) =>
  Math.floor(
    random() < 0.002 ? random() * 65_536 : random() < 0.1 ? random() * 2_000 : random() * 64,
  )

beforeAll(() => {
  // The engine compiles during the first inputs; what is timed afterwards is the code.
  const warm = encode({ a: [1, 'x', 5n, new Uint8Array(3)], b: { c: 'é' } })
  for (let i = 0; i < 2_000; i++) survives(warm)
})

test('100,000 random inputs', { timeout: 120_000 }, () => {
  const random = seeded(20_260_101)
  let values = 0
  for (let i = 0; i < 100_000; i++) {
    const bytes = new Uint8Array(someLength(random))
    for (let k = 0; k < bytes.length; k++) bytes[k] = random() * 256
    if (survives(bytes)) values++
  }
  expect(values).toBeGreaterThan(100)
})

test('100,000 mutated inputs', { timeout: 120_000 }, () => {
  const random = seeded(20_260_102)
  const text = fc.string({ unit: 'grapheme', maxLength: 80 }).filter((each) => each !== '__proto__')
  const { value } = fc.letrec<{ value: CborValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'medium' },
      fc.integer(),
      fc.double(),
      fc.bigInt({ min: -(2n ** 256n), max: 2n ** 256n - 1n }),
      text,
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(null, undefined, true, false),
      fc.array(tie('value'), { maxLength: 30 }),
      fc.dictionary(text, tie('value'), { maxKeys: 20 }),
    ),
  }))
  const seeds = fc
    .sample(fc.array(value, { minLength: 1, maxLength: 8 }), { seed: 3, numRuns: 1_000 })
    .map((each) => encode(each))
    .filter((each) => each.length < 65_536)
  expect(seeds.length).toBeGreaterThan(990)

  const pick = (bound: number) => Math.floor(random() * bound)
  let values = 0
  for (let i = 0; i < 100_000; i++) {
    let bytes = seeds[pick(seeds.length)]!.slice()
    for (let mutations = 1 + pick(3); mutations > 0; mutations--) {
      const at = pick(bytes.length)
      switch (pick(5)) {
        case 0:
          bytes[at] = pick(256)
          break
        case 1:
          bytes[at]! ^= 1 << pick(8)
          break
        case 2:
          bytes = bytes.slice(0, at)
          break
        case 3:
          bytes = Uint8Array.from([...bytes.subarray(0, at), pick(256), ...bytes.subarray(at)])
          break
        default: {
          const other = seeds[pick(seeds.length)]!
          bytes = Uint8Array.from([...bytes.subarray(0, at), ...other.subarray(pick(other.length))])
        }
      }
      if (bytes.length > 65_536) bytes = bytes.slice(0, 65_536)
    }
    if (survives(bytes)) values++
  }
  expect(values).toBeGreaterThan(5_000)
})

describe('shapes made to be slow', () => {
  const size = 65_536
  test.each<[string, number, Uint8Array]>([
    ['bignums', 10, fill(size, 4, () => [0xc2, 0x49, ...repeat(9, 255)])],
    ['bignums of 256 bits', 10, fill(size, 4, () => [0xc3, 0x58, 32, ...repeat(32, 255)])],
    ['empty maps', 10, fill(size, 4, () => [0xa0])],
    ['arrays as deep as allowed', 10, fill(size, 4, () => [...repeat(62, 0x81), 0x80])],
    ['maps as deep as allowed', 20, fill(size, 4, () => [...repeat(62, 0xa1, 0x60), 0xa0])],
    ['one map of many keys', 20, fill(size, 5, (i) => [...text(i.toString(36)), 0])],
    [
      'many maps, each with another key',
      20,
      fill(size, 4, (i) => [0xa1, ...text(i.toString(36)), 0]),
    ],
    [
      'as many maps with index keys as allowed',
      20,
      fill(4_500, 4, () => [0xa1, ...text('1000'), 0]),
    ],
    ['index keys far apart', 10, fill(size, 5, (i) => [...text(String(i * 65_536)), 0])],
    ['text of one character', 10, fill(size, 4, () => [0x61, 0x61])],
    ['text of four-byte characters', 10, fill(size, 4, () => [0x64, 0xf0, 0x9f, 0x98, 0x80])],
    // Creating a Uint8Array costs engines 200 ns: the dearest of all bytes.
    ['empty byte strings', 40, fill(size, 4, () => [0x40])],
  ])('%s', (_, withinMs, bytes) => {
    expect(quickest(withinMs, () => decode(bytes), 20)).toBeLessThan(withinMs)
  })

  test('100,000 arrays, maps or tags inside each other', () => {
    for (const unit of [[0x81], [0xa1, 0x60], [0xa1], [0xc2], [0xd8, 0x1c], [0x9f], [0xbf]]) {
      const bytes = Uint8Array.from(repeat(100_000, ...unit))
      expect(outcome(() => decode(bytes))).toMatch(/too-large|bad-encoding/)
      expect(quickest(allowedMs, () => outcome(() => decode(bytes)))).toBeLessThan(allowedMs)
    }
  })

  test('a bignum of 256 KB', () => {
    const bytes = Uint8Array.from([0xc2, 0x5a, 0, 4, 0, 0, ...repeat(262_144, 255)])
    expect(outcome(() => decode(bytes))).toBe('bad-encoding')
    expect(quickest(1, () => outcome(() => decode(bytes)))).toBeLessThan(1)
  })
})
