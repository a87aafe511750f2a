/** Tickets as text and bytes: what is not as signed is no ticket. */

import { base32nopad } from '@scure/base'
import { describe, expect, it } from 'vitest'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { maxTicketBytes } from '../../../lib/base/limits.ts'
import { decode, encode, type CborValue } from '../../../lib/codec/cbor.ts'
import { sign } from '../../../lib/crypto/ed25519.ts'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import { Device } from '../../../lib/identity/device.ts'
import { peerIdFromKey } from '../../../lib/identity/peer-id.ts'
import { Ticket, type TicketBody } from '../../../lib/ticket/ticket.ts'
import { newSigningKeys } from '../../support/signer-of.ts'
import { alterations, issueTicket, openIdentity, secretOf } from '../attack/adversary.ts'

const nowS = Date.now() / 1000
const alice = await openIdentity()
const mallory = await openIdentity()
const { ticket } = await issueTicket(alice, {
  relays: ['wss://relay.example/'],
  for: mallory.peer,
  memo: 'a word',
})

const codeOf = (read: () => unknown): string => {
  try {
    read()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'accepted'
}

const count = (codes: string[]) => {
  const counts: Record<string, number> = {}
  for (const code of codes) counts[code] = (counts[code] ?? 0) + 1
  return counts
}

describe('an altered ticket', { timeout: 60_000 }, () => {
  it('is refused with any bit of its bytes flipped, any of them cut off, or one more', () => {
    const codes = [...alterations(ticket.bytes)].map((altered) =>
      codeOf(() => Ticket.fromBytes(altered, nowS)),
    )
    expect(count(codes)).toEqual({ 'bad-ticket': ticket.bytes.length * 9 + 1 })
    expect(Ticket.fromBytes(ticket.bytes, nowS).bytes).toEqual(ticket.bytes)
  })

  it('is refused with any bit of its text flipped that is not the case, any of it cut off, or one character more', () => {
    const text = new TextEncoder().encode(ticket.toString())
    const texts = [...alterations(text)]
      .map((altered) => String.fromCharCode(...altered))
      .filter((altered) => altered.trim().toLowerCase() !== ticket.toString())
    const codes = texts.map((altered) => codeOf(() => Ticket.parse(altered)))
    expect(count(codes)).toEqual({ 'bad-ticket': texts.length })
    expect(texts.length).toBeGreaterThan(text.length * 8)
    expect(Ticket.parse(ticket.toQRText()).bytes).toEqual(ticket.bytes)
  })

  it('is refused with bits behind its last byte', () => {
    const text = ticket.toString()
    const spare = (5 * (text.length - 4)) % 8
    const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
    const last = alphabet.indexOf(text.at(-1)!)
    for (let bits = 1; bits < 2 ** spare; bits++) {
      expect(codeOf(() => Ticket.parse(text.slice(0, -1) + alphabet[last | bits]))).toBe(
        'bad-ticket',
      )
    }
  })

  it('is refused when it is too long to be one', () => {
    const long = base32nopad.encode(new Uint8Array(maxTicketBytes + 1))
    expect(codeOf(() => Ticket.parse(`hft1${long}`))).toBe('bad-ticket')
    expect(codeOf(() => Ticket.parse('hft1'.repeat(100_000)))).toBe('bad-ticket')
  })
})

const bodyOf = (
  from: Ticket,
  secret: Uint8Array,
  changes: Partial<TicketBody> = {},
): TicketBody => ({
  issuer: from.issuer,
  ticketKey: from.ticketKey,
  secret,
  expiresS: from.expiresAt.getTime() / 1000,
  relays: from.relays,
  uses: from.uses,
  for: from.for,
  purpose: from.purpose,
  memo: from.memo,
  ...changes,
})

describe('a ticket in the name of another', () => {
  const body = bodyOf(ticket, secretOf(ticket))

  it('is refused when somebody else signs it, with whichever chain', async () => {
    for (const chain of [alice.chain, mallory.chain]) {
      await expect(Ticket.sign(body, mallory.device, chain, nowS)).rejects.toMatchObject({
        code: 'bad-ticket',
      })
    }
    const honest = await Ticket.sign(body, alice.device, alice.chain, nowS)
    expect(honest.bytes).toEqual(ticket.bytes)
  })

  it('is refused when it is signed for another purpose', async () => {
    const [bodyBytes, chain] = decode(ticket.bytes) as CborValue[]
    for (const label of Object.values(signatureLabels)) {
      const signature = await alice.device.sign(label, bodyBytes as Uint8Array)
      const bytes = encode([bodyBytes!, chain!, signature])
      const expected = label === signatureLabels.ticket ? 'accepted' : 'bad-ticket'
      expect(codeOf(() => Ticket.fromBytes(bytes, nowS))).toBe(expected)
    }
  })

  it.each<[string, Partial<TicketBody>]>([
    ['no use', { uses: 0 }],
    ['too many uses', { uses: 1001 }],
    ['no expiry', { expiresS: 0 }],
    ['a short secret', { secret: new Uint8Array(15) }],
    ['a short key', { ticketKey: new Uint8Array(31) }],
    ['a relay in the clear', { relays: ['ws://relay.example/'] }],
    ['five relays', { relays: Array.from({ length: 5 }, (_, n) => `wss://r${n}.example/`) }],
    ['a memo too long', { memo: 'é'.repeat(65) }],
    ['a purpose too long', { purpose: 'x'.repeat(33) }],
  ])('is refused with %s, even well signed', async (_, changes) => {
    await expect(
      Ticket.sign({ ...body, ...changes }, alice.device, alice.chain, nowS),
    ).rejects.toMatchObject({ code: 'bad-ticket' })
  })
})

it('parses whenever the certificate of its issuer is valid, unless a time is given', async () => {
  const root = newSigningKeys()
  const device = Device.generate(systemRuntime)
  const certificateBody = encode([
    1,
    root.publicKey,
    root.publicKey,
    device.key,
    device.boxKey,
    0,
    1000,
    2000,
    [],
  ])
  const certificate = encode([
    certificateBody,
    sign(signatureLabels.certificate, certificateBody, root.secretKey),
    await device.sign(signatureLabels.device, certificateBody),
  ])
  const issuer = peerIdFromKey(root.publicKey)
  const body = bodyOf(ticket, new Uint8Array(16), { issuer })
  const limited = await Ticket.sign(body, device, [certificate], 1500)
  expect(Ticket.parse(limited.toString()).issuer).toBe(issuer)
  expect(codeOf(() => Ticket.read(limited.toString(), 1e9))).toBe('bad-ticket')
})

it('never shows its secret to a console', () => {
  const shown = JSON.stringify(ticket)
  expect(shown).toContain(alice.peer)
  expect(shown).not.toContain(ticket.toString().slice(4))
  expect(Object.keys(ticket)).toEqual([])
})
