import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { equalBytes } from '../../../lib/base/bytes.ts'
import { minPartBytes } from '../../../lib/base/limits.ts'
import { decode, decodeSequence, encode, type CborValue } from '../../../lib/codec/cbor.ts'
import * as kinds from '../../../lib/codec/record-kinds.ts'
import { encodeBytesRecord, FrameWriter, type Transfer } from '../../../lib/session/frame-writer.ts'
import { Reassembly } from '../../../lib/session/reassembly.ts'

const id = fc.oneof(fc.nat(300), fc.nat(70_000), fc.integer({ min: 0, max: 0xffff_ffff }))
const size = fc.oneof(fc.nat(30), fc.nat(300), fc.nat(5_000), fc.nat(20_000))

type Piece =
  | { kind: 'record'; value: CborValue[] }
  | { kind: 'bytes' | 'some' | 'part'; id: number; size: number }

const piece: fc.Arbitrary<Piece> = fc.oneof(
  fc.record({
    kind: fc.constant('record' as const),
    value: fc.tuple(fc.nat(11), fc.nat(), fc.string({ unit: 'grapheme-ascii', maxLength: 40 })),
  }),
  fc.record({
    kind: fc.constantFrom('bytes' as const, 'some' as const, 'part' as const),
    id,
    size,
  }),
)

const bytesOf = (length: number) => Uint8Array.from({ length }, (_, i) => i * 31)

describe('a frame writer', () => {
  test('whatever is written decodes to the same records, within the capacity', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.constant(1_008), fc.integer({ min: 1_008, max: 9_000 })),
        fc.constantFrom(0.5, 1),
        fc.array(piece, { maxLength: 30 }),
        (capacity, share, pieces) => {
          const writer = new FrameWriter(capacity)
          const reassembly = new Reassembly()
          let expected: unknown[] = []
          const flush = () => {
            expect(writer.plaintext.length).toBeLessThanOrEqual(capacity)
            const records = decodeSequence(writer.plaintext.slice()) as unknown[][]
            const wholes = records.flatMap((record) => {
              if (record[0] !== kinds.part) return [record]
              const whole = reassembly.take(record[1], record[2], record[3])
              return whole ? [decode(whole)] : []
            })
            expect(isDeepStrictEqual(wholes, expected)).toBe(true)
            expected = []
            writer.reset()
            writer.limitTo(share)
          }
          const untilWritten = (write: () => boolean) => {
            for (let tries = 0; !write(); tries++) {
              expect(tries).toBeLessThan(1_000)
              flush()
            }
          }
          for (const next of pieces) {
            if (next.kind === 'record') {
              untilWritten(() => writer.record(encode(next.value)))
              expected.push(next.value)
              continue
            }
            const bytes = bytesOf(next.size)
            if (next.kind === 'bytes') {
              const fits = bytes.subarray(0, 400)
              untilWritten(() => writer.bytesRecord(kinds.message, next.id, fits))
              expected.push([kinds.message, next.id, fits])
            } else if (next.kind === 'some') {
              for (let rest = bytes; rest.length > 0;) {
                let sent = 0
                untilWritten(() => (sent = writer.someBytes(kinds.streamData, next.id, rest)) > 0)
                expected.push([kinds.streamData, next.id, rest.subarray(0, sent)])
                expect(sent).toBeGreaterThanOrEqual(Math.min(rest.length, minPartBytes))
                rest = rest.subarray(sent)
              }
            } else {
              const record = encodeBytesRecord(kinds.message, next.id, bytes)
              const transfer: Transfer = { id: next.id, record, offset: 0 }
              untilWritten(() => writer.part(transfer))
              expected.push([kinds.message, next.id, bytes])
            }
          }
          flush()
        },
      ),
      { numRuns: 150, seed: 7 },
    )
  })

  test('a record alone is what the codec would write', () => {
    fc.assert(
      fc.property(fc.nat(15), id, size, (kind, number, length) => {
        const bytes = bytesOf(length)
        const written = encodeBytesRecord(kind, number, bytes)
        expect(isDeepStrictEqual(decode(written), [kind, number, bytes])).toBe(true)
        if (number < 2 ** 31) expect(equalBytes(written, encode([kind, number, bytes]))).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  test('what does not fit leaves the frame as it is', () => {
    const writer = new FrameWriter(100)
    expect(writer.record(new Uint8Array(101))).toBe(false)
    expect(writer.bytesRecord(1, 1, new Uint8Array(96))).toBe(false)
    expect(writer.someBytes(8, 1, new Uint8Array(300))).toBe(0)
    expect(writer.part({ id: 1, record: new Uint8Array(300), offset: 0 })).toBe(false)
    expect(writer.isEmpty).toBe(true)
    writer.limitTo(0.5)
    expect(writer.room).toBe(50)
    expect(writer.record(new Uint8Array(51))).toBe(false)
    writer.limitTo(1)
    expect(writer.record(new Uint8Array(100))).toBe(true)
    writer.limitTo(0.5)
    expect(writer.record(new Uint8Array(1))).toBe(false)
    expect(writer.someBytes(8, 1, new Uint8Array(1))).toBe(0)
    expect(writer.part({ id: 1, record: new Uint8Array(1), offset: 0 })).toBe(false)
    writer.reset()
    expect([writer.isEmpty, writer.room]).toEqual([true, 100])
  })
})
