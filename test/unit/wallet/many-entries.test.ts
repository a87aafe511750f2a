/** Books of years: taking them in is work for each entry, not for each entry as often as there are entries. */

import { expect, test, vi } from 'vitest'
import * as account from '../../../demo/wallet/account.ts'
import { emptyBooks, inOrder } from '../../../demo/wallet/books.ts'
import { taken } from '../../../demo/wallet/catching-up.ts'
import type { Entry } from '../../../demo/wallet/entry.ts'
import { high, low, partners, pay } from './two-people.ts'

vi.mock('../../../demo/wallet/account.ts', async (original) => {
  const real = await original<typeof account>()
  return { ...real, entered: vi.fn(real.entered) }
})

const each = 400

/** Payments to and fro of 0.01; each has seen of the other's all but the last so many. */
async function paidWith(lag: readonly [number, number]): Promise<[Entry[], Entry[]]> {
  const { books, tally } = await partners().then(({ anna, tally }) => ({
    books: anna.books,
    tally,
  }))
  const chains: [Entry[], Entry[]] = [[...books.chains[0]], [...books.chains[1]]]
  for (let seq = 2; seq <= each; seq++) {
    for (const side of [0, 1] as const) {
      const [own, theirs] = [chains[side], chains[side === 0 ? 1 : 0]]
      const seen = theirs[Math.max(0, theirs.length - 1 - lag[side])]!
      own.push({
        from: side === 0 ? low : high,
        to: side === 0 ? high : low,
        seq,
        previous: own.at(-1)!.id,
        seen: { seq: seen.seq, id: seen.id },
        atMs: 1,
        id: `${side} ${seq}`,
        act: pay(tally, 1n),
      })
    }
  }
  return chains
}

test.each([
  ['that knew of each other at once', [0, 0]],
  ['that crossed all the time', [5, 3]],
  ['of which one side knew late', [0, 40]],
  ['of which the other side knew late', [40, 0]],
] as const)('entries %s', async (_, lag) => {
  const chains = await paidWith(lag)
  vi.mocked(account.entered).mockClear()
  const { books, fault } = await taken(emptyBooks(low, high), chains)
  expect(fault).toBeNull()
  expect(inOrder(books.chains)).toHaveLength(2 * each)
  const perEntry = vi.mocked(account.entered).mock.calls.length / (2 * each)
  expect(perEntry).toBeLessThan(4 + Math.max(...lag))
})
