/** The codes that the demo draws, read back by the decoder that it scans with. */

import decodeQR from 'qr/decode.js'
import { describe, expect, it } from 'vitest'
import { codeOf, maxCodeBytes } from '../../../demo/meet/qr-modules.ts'
import { isMemo } from '../../../demo/meet/memo.ts'
import { maxMemoBytes, maxTicketBytes, maxTicketRelays } from '../../../lib/base/limits.ts'
import { Ticket } from '../../../lib/ticket/ticket.ts'
import { issueTicket, openIdentity } from '../attack/adversary.ts'

const quiet = 4

/** As a camera would see it that holds perfectly still: so many pixels a module. */
function picture(rows: readonly boolean[][], scale: number) {
  const side = rows.length * scale
  const data = new Uint8ClampedArray(side * side * 4).fill(255)
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const isDark = rows[Math.floor(y / scale)]![Math.floor(x / scale)]!
      if (isDark) data.fill(0, (y * side + x) * 4, (y * side + x) * 4 + 3)
    }
  }
  return { width: side, height: side, data }
}

const alice = await openIdentity()
const { peer } = await openIdentity()

describe('a drawn code', () => {
  it('holds the longest ticket that a page makes, as text and as a link', async () => {
    const relays = Array.from(
      { length: maxTicketRelays },
      (_, n) => `wss://relay${n}.${'x'.repeat(48)}.example/a/path/${n}`,
    )
    const memo = '好'.repeat(42) + 'éé'.slice(0, 1)
    expect(new TextEncoder().encode(memo)).toHaveLength(maxMemoBytes)
    const { ticket } = await issueTicket(alice, { relays, memo, for: peer })
    for (const text of [ticket.toQRText(), ticket.toURL('https://wallet.example/some/folder/')]) {
      const rows = codeOf(text)
      expect(decodeQR(picture(rows, 3))).toBe(text)
      expect(Ticket.parse(decodeQR(picture(rows, 5))).bytes).toEqual(ticket.bytes)
    }
  })

  it('has a white border all around', () => {
    const rows = codeOf('HFT1')
    const isClear = (at: number) => rows.every((row) => !row[at]) && !rows[at]!.includes(true)
    for (let at = 0; at < quiet; at++) {
      expect(isClear(at)).toBe(true)
      expect(isClear(rows.length - 1 - at)).toBe(true)
    }
    expect(isClear(quiet)).toBe(false)
  })

  it('has room for every ticket as text, and says so where a link is too long', () => {
    const longest = 'A'.repeat(4 + Math.ceil((maxTicketBytes * 8) / 5))
    expect(codeOf(longest)).toHaveLength(177 + 2 * quiet)
    expect(codeOf('a'.repeat(maxCodeBytes))).toHaveLength(177 + 2 * quiet)
    expect(() => codeOf('a'.repeat(maxCodeBytes + 1))).toThrow()
  })

  it('survives damage, by whatever room the size leaves for correction', () => {
    const rows = codeOf('HFT1ABCDEF').map((row) => [...row])
    for (let x = 14; x < 19; x++) rows[16]![x] = !rows[16]![x]
    expect(decodeQR(picture(rows, 4))).toBe('HFT1ABCDEF')
  })
})

it('a note is measured as it travels', () => {
  expect(isMemo('a'.repeat(128))).toBe(true)
  expect(isMemo('a'.repeat(129))).toBe(false)
  expect(isMemo('好'.repeat(42))).toBe(true)
  expect(isMemo('好'.repeat(43))).toBe(false)
})
