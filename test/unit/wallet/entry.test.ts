/** Entries as bytes: what is no entry first, then what comes back as it was. */

import { describe, expect, test } from 'vitest'
import { cleanText, encodeEntry, idOf, readEntry, type Act } from '../../../demo/wallet/entry.ts'
import { maxEntriesPerSide, maxNoteLength } from '../../../demo/wallet/wallet-limits.ts'
import { high, low, stranger, terms } from './two-people.ts'

const id = 'x'.repeat(43)
const body = {
  from: low,
  to: high,
  seq: 2,
  previous: id,
  seen: { seq: 1, id },
  atMs: 1_700_000_000_000,
  act: { do: 'pay', tally: id, amount: 5n, note: 'Bread', request: null } as Act,
}
const text = new TextDecoder().decode(encodeEntry(body))
const bytes = (json: unknown) => new TextEncoder().encode(JSON.stringify(json))
const refused = (message: Uint8Array, code = 'malformed') =>
  expect(readEntry(message, low, high)).rejects.toMatchObject({ name: 'Refusal', code })
const changed = (change: object) => bytes({ ...JSON.parse(text), ...change })
const doing = (act: object) => changed({ act })

const acts: Act[] = [
  { do: 'offer', answers: null, terms },
  { do: 'offer', answers: id, terms: { ...terms, decimals: 0, limits: [0n, 1n] } },
  { do: 'accept', offer: id },
  { do: 'refuse', offer: id, note: 'Too much' },
  { do: 'pay', tally: id, amount: 1n, note: '', request: null },
  { do: 'pay', tally: id, amount: 999_999_999_999_999_999n, note: 'für Ωß 🥖', request: id },
  { do: 'request', tally: id, amount: 7n, note: 'Bread' },
  { do: 'decline', tally: id, request: id, note: '' },
  { do: 'withdraw', entry: id },
  { do: 'close', tally: id },
  { do: 'keep', tally: id },
]

describe('no entry is', () => {
  test('every prefix of one, one with more behind it, and text that is no JSON', async () => {
    const whole = encodeEntry(body)
    for (let length = 0; length < whole.length; length++) await refused(whole.slice(0, length))
    await refused(Uint8Array.of(...whole, 0x20, 0x7d))
    for (const json of ['', 'null', '[]', '7', '"entry"', '{}']) {
      await refused(new TextEncoder().encode(json))
    }
    await refused(Uint8Array.of(0xef, 0xbb, 0xbf, ...whole))
    await refused(Uint8Array.of(0xff, 0xfe))
  })

  test('one with a field more, or one less, at any depth', async () => {
    await refused(changed({ more: 1 }))
    for (const name of Object.keys(JSON.parse(text) as object)) {
      await refused(changed({ [name]: undefined }))
    }
    for (const act of acts) {
      const plain = JSON.parse(new TextDecoder().decode(encodeEntry({ ...body, act }))) as {
        act: Record<string, unknown>
      }
      for (const name of Object.keys(plain.act)) {
        await refused(doing({ ...plain.act, [name]: undefined }))
      }
      await refused(doing({ ...plain.act, more: null }))
    }
    await refused(changed({ seen: { seq: 1 } }))
    await refused(changed({ seen: { seq: 1, id, more: 1 } }))
  })

  test.each([
    ['version', 2],
    ['from', 7],
    ['from', 'short'],
    ['to', null],
    ['seq', 0],
    ['seq', 1.5],
    ['seq', '2'],
    ['seq', maxEntriesPerSide + 1],
    ['previous', null],
    ['previous', 'short'],
    ['seen', { seq: 0, id }],
    ['seen', []],
    ['atMs', -1],
    ['atMs', 2 ** 53],
    ['act', null],
    ['act', { do: null }],
    ['act', { do: ['pay'] }],
  ])('one whose %s is %j', async (name, value) => {
    await refused(changed({ [name]: value }))
  })

  test.each(['steal', 'toString', '__proto__', ''])(
    'one that does what is not known here, %j: a later version may know it',
    async (what) => {
      await refused(doing({ do: what, tally: id, more: [1, 2] }), 'newer')
    },
  )

  test('the first with one before it', async () => {
    await refused(changed({ seq: 1 }))
  })

  test.each([5, -5, '0', '-5', '05', '5.0', '1'.repeat(19), null, ''])(
    'one that pays or asks for %j',
    async (amount) => {
      for (const what of ['pay', 'request']) {
        const request = what === 'pay' ? { request: null } : {}
        await refused(doing({ do: what, tally: id, amount, note: '', ...request }))
      }
    },
  )

  test.each([
    'x'.repeat(maxNoteLength + 1),
    ' Bread',
    'Bread\n',
    'Br\u0000ead',
    'Br\u202eead',
    'Br\u2066ead',
    'Br\u200bead',
    'Br\ud800ead',
    'Br\u{e0041}ead',
    '\u00a0Bread',
    7,
  ])('one with the note %j', async (note) => {
    await refused(doing({ do: 'request', tally: id, amount: '5', note }))
  })

  test.each([
    { name: '' },
    { name: 'x'.repeat(41) },
    { unit: '' },
    { unit: 'x'.repeat(13) },
    { unit: '000 EUR' },
    { unit: '.5' },
    { unit: '-' },
    { decimals: 7 },
    { decimals: -1 },
    { limits: ['0', '0'] },
    { limits: ['1'] },
    { limits: ['1', '-1'] },
    { limits: ['1', '1', '1'] },
    { limits: [1, 1] },
    { more: 1 },
  ])('an offer with terms that are %j', async (change) => {
    const good = { name: 'Lunches', unit: 'EUR', decimals: 2, limits: ['1', '1'] }
    await expect(
      readEntry(doing({ do: 'offer', answers: null, terms: good }), low, high),
    ).resolves.toBeDefined()
    await refused(doing({ do: 'offer', answers: null, terms: { ...good, ...change } }))
  })
})

test.each(['\u{1faff}', '\u{323b0}', 'e\u0301'])(
  'text that another browser knows, and this one perhaps not yet, is taken: %j',
  async (note) => {
    const message = doing({ do: 'request', tally: id, amount: '5', note })
    expect((await readEntry(message, low, high)).act).toMatchObject({ note })
  },
)

test('who signs is who it is from, and it is for the partner', async () => {
  for (const [signer, partner] of [
    [high, low],
    [stranger, high],
    [low, stranger],
    [low, low],
  ] as const) {
    await expect(readEntry(encodeEntry(body), signer, partner)).rejects.toMatchObject({
      code: 'wrong-party',
    })
  }
})

test.each(acts)('what is signed comes back: %o', async (act) => {
  const message = encodeEntry({ ...body, act })
  expect(await readEntry(message, low, high)).toEqual({ ...body, act, id: await idOf(message) })
})

test('the same says the same: an id is of what was said', async () => {
  expect(await idOf(encodeEntry(body))).toBe(await idOf(encodeEntry({ ...body })))
  expect(await idOf(encodeEntry(body))).not.toBe(await idOf(encodeEntry({ ...body, seq: 3 })))
})

test('text is cleaned once and stays so, whatever it was', () => {
  expect(cleanText('  a\u202e\nb  ', 40)).toBe('a  b')
  expect(cleanText('x'.repeat(50), 40)).toHaveLength(40)
  for (const text of ['a \u0000', `${'x'.repeat(39)} y`, 'e\u0301', '🥖'.repeat(200)]) {
    const once = cleanText(text, 40)
    expect(cleanText(once, 40)).toBe(once)
  }
})
