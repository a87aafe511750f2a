/** Public vectors: RFC 8949, appendix A, and the good and bad cases of the CBOR working group. */

import { readFileSync } from 'node:fs'
import { Decoder } from 'cbor-x/index-no-eval'
import { describe, expect, test } from 'vitest'
import type { HandfastError } from '../../../lib/base/errors.ts'
import { decode } from '../../../lib/codec/cbor.ts'
import { unhex } from './cbor-inputs.ts'

const read = (name: string) => readFileSync(new URL(`../../vectors/cbor/${name}`, import.meta.url))

interface Case {
  description: string
  encoded: Uint8Array
  decoded?: unknown
}

function workingGroup(name: string): Case[] {
  const decoder = new Decoder({ useRecords: false, mapsAsObjects: false, copyBuffers: true })
  const file = decoder.decode(read(name)) as Map<string, Map<string, unknown>[]>
  return file.get('tests')!.map((each) => Object.fromEntries(each) as unknown as Case)
}

/** Reason → names of the cases refused for it; cases that decode are left out. */
function refusals(cases: Case[]): Record<string, string[]> {
  const byReason: Record<string, string[]> = {}
  for (const { description, encoded } of cases) {
    try {
      decode(encoded)
    } catch (error) {
      const { name, message } = error as HandfastError
      if (name !== 'HandfastError') throw error
      ;(byReason[message.replace('CBOR: ', '')] ??= []).push(description)
    }
  }
  return byReason
}

const counts = (byReason: Record<string, string[]>) =>
  Object.fromEntries(Object.entries(byReason).map(([reason, names]) => [reason, names.length]))

/** Bigints compare with the numbers of the vectors by value. */
const comparable = (value: unknown): unknown =>
  typeof value === 'bigint' ||
  (typeof value === 'number' && Number.isInteger(value) && !Object.is(value, -0))
    ? BigInt(value)
    : value instanceof Map
      ? Object.fromEntries([...value].map(([key, item]) => [key, comparable(item)]))
      : Array.isArray(value)
        ? value.map(comparable)
        : value

describe('rfc8949-bad', () => {
  const cases = workingGroup('rfc8949-bad.cbor')

  test('every case is refused', () => {
    expect(counts(refusals(cases))).toEqual({
      truncated: 19,
      'indefinite or reserved': 22,
      'invalid text': 1,
      'nested too deeply': 1,
      'map key is not text': 2,
      'tag not allowed': 2,
    })
    expect(cases).toHaveLength(47)
  })
})

describe('rfc8949-good', () => {
  const cases = workingGroup('rfc8949-good.cbor')
  const refused = refusals(cases)

  test('what is refused is refused for a listed reason', () => {
    expect(cases).toHaveLength(88)
    expect(refused).toEqual({
      'not in its shortest form': [
        'u8: non-preferred 0',
        's8: -1, not preferred',
        'u16: 0, non-preferred',
        's16: -1, non-preferred',
        'u32: 0, non-preferred',
        'u32: 65535, non-preferred',
      ],
      'invalid text': ['string: BOM'],
      'tag not allowed': ['Date: 0 epoch', 'Date: 1 epoch', 'Date: -1 epoch'],
      'map key is not text': [
        'Map: -0 key',
        'Map: interesting keys',
        'map: deeply-nested key',
        'map: deeply-nested value',
      ],
      'nested too deeply': ['array: deeply-nested'],
      'map key duplicate or not allowed': ['JS: __proto__ should be escaped (security)'],
    })
  })

  test('the others decode to their value', () => {
    const names = new Set(Object.values(refused).flat())
    const accepted = cases.filter(({ description }) => !names.has(description))
    expect(accepted).toHaveLength(72)
    for (const { description, encoded, decoded } of accepted) {
      expect(comparable(decode(encoded)), description).toEqual(comparable(decoded))
    }
  })
})

describe('appendix A', () => {
  const cases = JSON.parse(read('appendix_a.json').toString()) as {
    hex: string
    decoded?: unknown
    diagnostic?: string
  }[]

  test('what is refused is refused for a listed reason', () => {
    const named = cases.map(({ hex }) => ({ description: hex, encoded: unhex(hex) }))
    const { 'indefinite or reserved': indefinite, ...others } = refusals(named)
    expect(cases).toHaveLength(82)
    expect(indefinite).toHaveLength(11)
    expect(others).toEqual({
      'simple value not allowed': ['f0', 'f818', 'f8ff'],
      'tag not allowed': [
        'c074323031332d30332d32315432303a30343a30305a',
        'c11a514b67b0',
        'c1fb41d452d9ec200000',
        'd74401020304',
        'd818456449455446',
        'd82076687474703a2f2f7777772e6578616d706c652e636f6d',
      ],
      'map key is not text': ['a201020304'],
    })
  })

  test('the others decode to their value', () => {
    const diagnostics: Record<string, unknown> = {
      Infinity,
      '-Infinity': -Infinity,
      NaN,
      undefined,
      "h''": new Uint8Array(0),
      "h'01020304'": Uint8Array.of(1, 2, 3, 4),
    }
    const exact: Record<string, bigint> = {
      '1bffffffffffffffff': 18446744073709551615n,
      c249010000000000000000: 18446744073709551616n,
      '3bffffffffffffffff': -18446744073709551616n,
      c349010000000000000000: -18446744073709551617n,
      '1b000000e8d4a51000': 1000000000000n,
    }
    let accepted = 0
    for (const { hex, decoded, diagnostic } of cases) {
      let value: unknown
      try {
        value = decode(unhex(hex))
      } catch {
        continue
      }
      accepted++
      const expected = exact[hex] ?? (diagnostic === undefined ? decoded : diagnostics[diagnostic])
      expect(value, hex).toStrictEqual(expected)
    }
    expect(accepted).toBe(61)
  })
})
