import { describe, expect, test } from 'vitest'
import { maxMessageBytes, maxTransfers, minPartBytes } from '../../../lib/base/limits.ts'
import { Reassembly } from '../../../lib/session/reassembly.ts'

const protocolError = expect.objectContaining({ code: 'protocol' })
const part = (size = minPartBytes, byte = 1) => new Uint8Array(size).fill(byte)

describe('reassembly', () => {
  test('gives the whole with the last part, transfers mixed', () => {
    const reassembly = new Reassembly()
    expect(reassembly.take(1, false, part(300, 1))).toBeUndefined()
    expect(reassembly.take(2, false, part(400, 2))).toBeUndefined()
    expect(reassembly.take(2, true, part(1, 3))).toEqual(Uint8Array.of(...part(400, 2), 3))
    expect(reassembly.take(1, true, part(2, 4))).toEqual(Uint8Array.of(...part(300, 1), 4, 4))
    // The number is free again.
    expect(reassembly.take(1, true, part(5, 6))).toEqual(part(5, 6))
  })

  test('takes so many transfers and no more', () => {
    const reassembly = new Reassembly()
    for (let id = 0; id < maxTransfers; id++) reassembly.take(id, false, part())
    expect(() => reassembly.take(maxTransfers, false, part())).toThrow(protocolError)
  })

  test('takes so many bytes and no more', () => {
    const reassembly = new Reassembly()
    const quarter = maxMessageBytes / 4
    for (let i = 0; i < 3; i++) reassembly.take(1, false, part(quarter))
    expect(reassembly.take(1, true, part(quarter))).toHaveLength(maxMessageBytes)
    for (let i = 0; i < 4; i++) reassembly.take(1, false, part(quarter))
    expect(() => reassembly.take(1, true, part(1))).toThrow(protocolError)
  })

  test('a part that is not the last has a size worth while', () => {
    expect(() => new Reassembly().take(1, false, part(minPartBytes - 1))).toThrow(protocolError)
    expect(() => new Reassembly().take(1, true, part(0))).toThrow(protocolError)
    expect(new Reassembly().take(1, true, part(1))).toHaveLength(1)
  })

  test.each([
    ['id', ['1', false, part()]],
    ['id', [1n, false, part()]],
    ['id', [undefined, false, part()]],
    ['end', [1, 0, part()]],
    ['end', [1, null, part()]],
    ['bytes', [1, false, 'x'.repeat(300)]],
    ['bytes', [1, false, Array.from(part())]],
    ['bytes', [1, false, undefined]],
  ])('refuses what is no %s', (_, [id, last, bytes]) => {
    expect(() => new Reassembly().take(id, last, bytes)).toThrow(protocolError)
  })

  test('a message that begins takes the place of one that will not go on; others keep theirs', () => {
    const reassembly = new Reassembly()
    const begin = (kind: number) => {
      const bytes = new Uint8Array(256)
      bytes.set([0x83, kind])
      return bytes
    }
    reassembly.take(100, false, begin(3))
    reassembly.take(101, false, begin(3))
    for (let id = 0; id < 20; id++) reassembly.take(id, false, begin(1))
    expect(reassembly.take(19, true, Uint8Array.of(7))).toHaveLength(257)
    expect(reassembly.take(100, true, Uint8Array.of(7))).toHaveLength(257)
    for (let id = 200; id < 203; id++) reassembly.take(id, false, begin(3))
    expect(() => reassembly.take(203, false, begin(3))).toThrow()
  })
})
