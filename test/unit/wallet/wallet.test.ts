/** The wallet against what happens to it: partners that lie, tabs that die, profiles that are set back, devices that are new. */

import { afterEach, describe, expect, test, vi } from 'vitest'
import { drafted, headOf, sideIn } from '../../../demo/wallet/books.ts'
import { summaryOf } from '../../../demo/wallet/comparison.ts'
import { encodeEntry } from '../../../demo/wallet/entry.ts'
import { WalletStore } from '../../../demo/wallet/wallet-store.ts'
import { maxEntriesPerRequest } from '../../../demo/wallet/wallet-limits.ts'
import { HandfastError } from '../../../lib/index.ts'
import { pay, terms } from './two-people.ts'
import { connect, disconnect, identities, Owner, owners, until } from './wallet-pair.ts'

let open: Owner[] = []
afterEach(() => {
  vi.restoreAllMocks()
  for (const { wallet } of open) wallet.close()
  open = []
})

const same = ({ books }: Owner, other: Owner) =>
  JSON.stringify(books.chains.map((chain) => chain.map(({ id }) => id))) ===
  JSON.stringify(other.books.chains.map((chain) => chain.map(({ id }) => id)))
const agree = (anna: Owner, ben: Owner) => until(() => same(anna, ben), 'the same books')
const disconnectMail = ({ link }: Owner) => {
  link.other = null
}
const entries = ({ books }: Owner) => books.chains.flat().length

async function partners() {
  const [anna, ben] = await owners()
  open.push(anna, ben)
  const { id: tally } = await anna.act({ do: 'offer', answers: null, terms: bothMay })
  await agree(anna, ben)
  await ben.act({ do: 'accept', offer: tally })
  await agree(anna, ben)
  return { anna, ben, tally }
}

/** Another browser of hers, which has nothing yet; or, with its database, another tab of one. */
async function another(anna: Owner, ben: Owner, database?: string): Promise<Owner> {
  const owner = await Owner.open(anna.identity, ben.identity.peer, database)
  open.push(owner)
  connect(owner, ben)
  return owner
}

/** An older copy of her browser, and what each has paid since; the copy is not connected. */
async function setBack(
  { anna, ben, tally }: Awaited<ReturnType<typeof partners>>,
  paid: { hers: bigint[]; ofCopy: bigint[] },
): Promise<Owner> {
  disconnect(anna, ben)
  const copy = await another(anna, ben)
  await agree(copy, ben)
  await until(() => copy.note.hasCompared, 'compared')
  disconnect(copy, ben)
  connect(anna, ben)
  for (const amount of paid.hers) await anna.act(pay(tally, amount))
  await agree(anna, ben)
  disconnect(anna, ben)
  for (const amount of paid.ofCopy) await copy.act(pay(tally, amount))
  copy.link.lose()
  return copy
}
const bothMay = { ...terms, limits: [100_000n, 100_000n] as const }

test('what comes as a message while it is fetched is not missing', async () => {
  const { anna, ben, tally } = await partners()
  await anna.compare()
  disconnectMail(ben)
  await ben.act(pay(tally, 1n))
  const faults: unknown[] = []
  anna.wallet.onChange(() => faults.push(anna.note.fault))
  // Between the answer about the books and the entries.
  let isDelivered = false
  ben.link.state = 'open'
  anna.link.tamper = (method, answer) => {
    if (method !== 'wallet-entries' || isDelivered) return answer
    isDelivered = true
    ben.link.other = anna.link
    return ben.link.deliver().then(() => answer)
  }
  await anna.compare()
  await agree(anna, ben)
  expect(isDelivered).toBe(true)
  expect(faults.filter((fault) => fault !== null)).toEqual([])
})

describe('a partner that lies', () => {
  test('sends what is no entry, or not theirs: the books stay as they are, and say so', async () => {
    const { anna, ben, tally } = await partners()
    const before = entries(anna)
    const [stranger] = await identities()
    const body = {
      from: ben.identity.peer,
      to: anna.identity.peer,
      seq: 2,
      previous: headOf(anna.books, sideIn(anna.books, ben.identity.peer))!.id,
      seen: headOf(anna.books, sideIn(anna.books, anna.identity.peer)),
      atMs: 1,
      act: pay(tally, 1n),
    }
    const greedy = encodeEntry({ ...body, act: pay(tally, 200_000n) })
    for (const [value, fault] of [
      ['entry', 'malformed'],
      [new Uint8Array(10_000), 'malformed'],
      [new Uint8Array(10), 'wrong-party'],
      [await stranger.sign('handfast-demo/wallet', encodeEntry(body)), 'wrong-party'],
      [await ben.identity.sign('handfast-demo/wallet', greedy), 'over-limit'],
    ] as const) {
      await ben.link.send(value, { topic: 'wallet' })
      await until(() => anna.note.fault === fault, `the fault ${fault}`)
      expect(entries(anna)).toBe(before)
    }
    // Messages about something else are nobody's here.
    await ben.link.send('hello', { topic: 'chat' })
    expect(anna.note.fault).toBe('over-limit')
    // A good one is taken all the same, and clears the air.
    await ben.act(pay(tally, 5n))
    await agree(anna, ben)
    await anna.compare()
    expect(anna.note.fault).toBeNull()
  })

  test('answers nonsense when asked for the books', async () => {
    const { anna, ben, tally } = await partners()
    disconnect(anna, ben)
    await ben.act(pay(tally, 1n))
    ben.link.lose()
    const answers: ((method: string, answer: unknown) => unknown)[] = [
      () => null,
      (method, answer) => (method === 'wallet-entries' ? 'no list' : answer),
      (method, answer) => (method === 'wallet-entries' ? [] : answer),
      (method, answer) => (method === 'wallet-entries' ? [1, 2, 3] : answer),
      (method, answer) =>
        method === 'wallet-entries'
          ? Array.from({ length: maxEntriesPerRequest + 1 }, () => (answer as unknown[])[0])
          : answer,
      // Each is somebody else's.
      (method, answer) =>
        method === 'wallet-entries' ? [anna.identity.publicKey, ...(answer as unknown[])] : answer,
    ]
    const before = entries(anna)
    for (const tamper of answers) {
      connect(anna, ben)
      anna.link.tamper = tamper
      await anna.compare().catch(() => {})
      await anna.compare().catch(() => {})
      expect(entries(anna)).toBe(before)
      disconnect(anna, ben)
    }
    anna.link.tamper = (_, answer) => answer
    connect(anna, ben)
    await agree(anna, ben)
  })

  test('says that it has more than there is: the asking ends', async () => {
    const { anna, ben } = await partners()
    anna.link.tamper = (method, answer) =>
      method === 'wallet-books'
        ? { ...(answer as object), mine: { seq: 9999, id: 'x'.repeat(43) } }
        : answer
    const asked = ben.link.asked.length
    const { agrees, missing } = await anna.compare()
    expect([agrees, missing.length]).toEqual([false, 1])
    expect(ben.link.asked.length - asked).toBeLessThan(4)
    expect(anna.note.fault).toBe('hole')
  })

  test('says that it has more of one’s own than it shows: nothing is signed on top of that', async () => {
    const { anna, tally } = await partners()
    anna.link.tamper = (method, answer) =>
      method === 'wallet-books'
        ? { ...(answer as object), yours: { seq: 9, id: 'x'.repeat(43) } }
        : answer
    await expect(anna.act(pay(tally, 1n))).rejects.toMatchObject({ code: 'hole' })
    expect(anna.note.held).toBe(1)
  })

  test('boasts again and again: it is asked once', async () => {
    const { anna, ben } = await partners()
    const boast = {
      ...summaryOf(ben.books, ben.identity.peer),
      mine: { seq: 9, id: 'x'.repeat(43) },
    }
    anna.link.tamper = (method, answer) => (method === 'wallet-books' ? boast : answer)
    await ben.link.request('wallet-books', boast)
    await until(() => anna.note.fault === 'hole', 'the fault')
    const asked = ben.link.asked.length
    for (let times = 0; times < 3; times++) await ben.link.request('wallet-books', boast)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(ben.link.asked.length).toBe(asked)
  })

  test('asks for what is no books', async () => {
    const { anna, ben } = await partners()
    const [stranger] = await identities()
    const from = anna.identity.peer
    for (const params of [
      { from: stranger.peer, after: 0 },
      { from, after: 0.5 },
      { from, after: '0' },
      { from },
    ]) {
      await expect(ben.link.request('wallet-entries', params)).rejects.toMatchObject({
        code: 'malformed',
      })
    }
    await expect(ben.link.request('wallet-books', null)).rejects.toMatchObject({
      code: 'malformed',
    })
  })

  test('tells the same twice, and takes nothing from one: neither is a fork, and the second is shown', async () => {
    const { anna, ben, tally } = await partners()
    await ben.act(pay(tally, 1n))
    await agree(anna, ben)
    const again = await ben.identity.sign(
      'handfast-demo/wallet',
      encodeEntry(ben.books.chains[sideIn(ben.books, ben.identity.peer)].at(-1)!),
    )
    await ben.link.send(again, { topic: 'wallet' })
    expect(anna.note.forks).toEqual([])
    anna.link.tamper = () => {
      throw new HandfastError('forbidden')
    }
    await expect(anna.compare()).rejects.toMatchObject({ code: 'forbidden' })
    expect(anna.note.isRefused).toBe(true)
    anna.link.tamper = (_, answer) => answer
    await anna.act(pay(tally, 1n))
    await until(() => !anna.note.isRefused, 'taken')
  })

  test('has signed two entries of one number: both are kept, and nothing more is entered', async () => {
    const { anna, ben, tally } = await partners()
    disconnect(anna, ben)
    const side = sideIn(ben.books, ben.identity.peer)
    const twin = encodeEntry({
      from: ben.identity.peer,
      to: anna.identity.peer,
      seq: 2,
      previous: headOf(ben.books, side)!.id,
      seen: headOf(ben.books, side === 0 ? 1 : 0),
      atMs: 7,
      act: pay(tally, 9n),
    })
    await ben.act(pay(tally, 1n))
    ben.link.lose()
    const signed = await ben.identity.sign('handfast-demo/wallet', twin)
    connect(anna, ben)
    await agree(anna, ben)
    await ben.link.send(signed, { topic: 'wallet' })
    expect(anna.note.forks).toMatchObject([{ from: ben.identity.peer, seq: 2, there: signed }])
    expect(entries(anna)).toBe(entries(ben))
    disconnect(anna, ben)
    await expect(anna.act(pay(tally, 1n))).rejects.toMatchObject({ code: 'fork' })
    connect(anna, ben)
    // He stands by the one that she has: they can go on. The proof stays.
    await anna.compare()
    expect(anna.note.forks).toMatchObject([{ seq: 2, isSettled: true }])
    await anna.act(pay(tally, 1n))
    await agree(anna, ben)
    await ben.link.send(signed, { topic: 'wallet' })
    expect(anna.note.forks).toHaveLength(1)
  })
})

describe('what is said to the person who looks', () => {
  test('a comparison asked for by hand begins after it was asked for', async () => {
    const { anna, ben, tally } = await partners()
    let goOn = () => {}
    const held = new Promise<void>((resolve) => (goOn = resolve))
    // The one under way has heard already what Ben had; he has more now.
    anna.link.tamper = async (method, answer) => {
      if (method === 'wallet-books') await held
      return answer
    }
    const early = anna.compare()
    await until(() => ben.link.asked.at(-1) === 'wallet-books', 'asked')
    disconnectMail(ben)
    await ben.act(pay(tally, 5n))
    const late = anna.compare()
    const another = anna.compare()
    goOn()
    anna.link.tamper = (_, answer) => answer
    await early
    const compared = await late
    expect(compared.agrees).toBe(true)
    expect(entries(anna)).toBe(3)
    expect(await another).toBe(compared)
  })

  test('what was compared is said with it: what came since is not meant', async () => {
    const { anna, ben, tally } = await partners()
    await ben.link.send('nonsense', { topic: 'wallet' })
    await until(() => anna.note.fault !== null, 'a fault')
    const { amend } = WalletStore.prototype
    let goOn = () => {}
    const held = new Promise<void>((resolve) => (goOn = resolve))
    // While the outcome is noted, something else arrives.
    vi.spyOn(WalletStore.prototype, 'amend').mockImplementation(async function (
      this: WalletStore,
      ...change
    ) {
      await held
      return amend.apply(this, change)
    })
    const before = summaryOf(anna.books, anna.identity.peer)
    const comparing = anna.compare()
    await until(() => ben.link.asked.at(-1) === 'wallet-books', 'asked')
    ben.link.state = 'idle'
    await ben.act(pay(tally, 5n))
    await until(() => entries(anna) === 3, 'arrived')
    goOn()
    const { agrees, books } = await comparing
    expect(agrees).toBe(true)
    expect(summaryOf(books, anna.identity.peer)).toEqual(before)
    await agree(anna, ben)
  })

  test('what they have another of is not delivered', async () => {
    const parties = await partners()
    const { ben, tally } = parties
    const copy = await setBack(parties, { hers: [1n], ofCopy: [5n, 6n] })
    connect(copy, ben)
    await until(() => copy.note.forks.length === 1, 'the fork')
    expect(copy.note.held).toBe(1)
    await copy.wallet.takeTheirs(ben.identity.peer)
    disconnect(copy, ben)
    await copy.act(pay(tally, 7n))
    expect(copy.note.held).toBe(2)
  })
})

describe('one’s own books', () => {
  test('wait for what another device has signed, once they know of it: also when it comes slowly, or no more', async () => {
    const { anna, ben, tally } = await partners()
    await anna.act(pay(tally, 1n))
    await agree(anna, ben)
    anna.wallet.close()
    disconnect(anna, ben)
    const device = await another(anna, ben)
    await until(() => device.note.hasCompared && entries(device) === 3, 'compared')
    disconnect(device, ben)
    // Her first device signs once more, and then hers hears of it, but does not get it in time.
    const first = await another(anna, ben, anna.database)
    await first.act(pay(tally, 1n))
    await agree(first, ben)
    disconnect(first, ben)
    device.link.tamper = (method, answer) =>
      method === 'wallet-entries' ? new Promise(() => {}) : answer
    connect(device, ben)
    await expect(device.act(pay(tally, 2n))).rejects.toMatchObject({ code: 'hole' })
    disconnect(device, ben)
    await expect(device.act(pay(tally, 2n))).rejects.toMatchObject({ code: 'hole' })
    const again = await device.reopened()
    open.push(again)
    await expect(again.act(pay(tally, 2n))).rejects.toMatchObject({ code: 'hole' })
    connect(again, ben)
    await agree(again, ben)
    await again.act(pay(tally, 2n))
    await agree(again, ben)
    expect(ben.note.forks).toEqual([])
  })
  test('wait for the first comparison: on another device something may have been signed', async () => {
    const [first, second] = await identities()
    const anna = await Owner.open(first, second.peer)
    open.push(anna)
    await expect(anna.act({ do: 'offer', answers: null, terms: bothMay })).rejects.toMatchObject({
      code: 'not-compared',
    })
  })

  test('are there after a reload, and what was not sent then is', async () => {
    const { anna, ben, tally } = await partners()
    disconnect(anna, ben)
    for (const amount of [1n, 2n, 3n]) await anna.act(pay(tally, amount))
    // The tab dies before any of it is handed to the link.
    anna.link.lose()
    const again = await anna.reopened()
    open.push(again)
    expect(again.books).toEqual(anna.books)
    expect(again.note.held).toBe(1)
    // One message brings Ben here, and he asks for what it builds on.
    await until(() => again.link.queued === 1, 'the message')
    connect(again, ben)
    await agree(again, ben)
    await until(() => again.note.held === 4, 'Ben has all four')
    const later = await again.reopened()
    open.push(later)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(later.link.queued).toBe(0)
  })

  test('are asked for by whoever hears that there is more', async () => {
    const { anna, ben, tally } = await partners()
    disconnect(anna, ben)
    await anna.act(pay(tally, 1n))
    anna.link.lose()
    ;[anna.link.other, ben.link.other] = [ben.link, anna.link]
    await anna.compare()
    await agree(anna, ben)
  })

  test('are told what the partner has, however it got there', async () => {
    const { anna, ben, tally } = await partners()
    await anna.act(pay(tally, 1n))
    await until(() => anna.note.held === 2, 'delivered')
    // Having heard of an entry is not having it.
    const { append } = WalletStore.prototype
    const deaf = vi.spyOn(WalletStore.prototype, 'append').mockImplementation(function (
      this: WalletStore,
      added,
    ) {
      const isHers = added.every(({ from, partner }) => from !== partner)
      return isHers ? append.call(this, added) : Promise.resolve(false)
    })
    await anna.act(pay(tally, 1n))
    await until(() => anna.link.queued === 0, 'heard')
    expect(anna.note.held).toBe(2)
    deaf.mockRestore()
    // One may be under way that began before.
    for (let times = 0; times < 2; times++) await ben.compare()
    await until(() => anna.note.held === 3, 'taken')
    disconnect(anna, ben)
    await anna.act(pay(tally, 1n))
    expect(anna.note.held).toBe(3)
  })

  test('come back to a new device from the partner, page by page, and are checked', async () => {
    const { anna, ben, tally } = await partners()
    for (let i = 0; i < maxEntriesPerRequest; i++) await anna.act(pay(tally, 1n))
    await ben.act(pay(tally, 7n))
    await agree(anna, ben)
    anna.wallet.close()
    disconnect(anna, ben)
    const device = await another(anna, ben)
    await agree(device, ben)
    expect(device.books).toEqual(anna.books)
    expect(await device.wallet.verify(ben.identity.peer)).toBe(maxEntriesPerRequest + 3)
    await until(() => device.note.hasCompared, 'compared')
    await device.act(pay(tally, 2n))
    await agree(device, ben)
  })

  test('that were set back, and went on: the fork is shown; theirs can be taken, and all is well', async () => {
    const parties = await partners()
    const { anna, ben, tally } = parties
    const copy = await setBack(parties, { hers: [1n, 2n], ofCopy: [5n, 6n, 7n] })

    connect(copy, ben)
    await until(() => copy.note.forks.length === 1, 'the fork')
    const [fork] = copy.note.forks
    expect(fork).toMatchObject({ from: anna.identity.peer, seq: 2 })
    expect(fork!.here).not.toEqual(fork!.there)
    await expect(copy.act(pay(tally, 1n))).rejects.toMatchObject({ code: 'fork' })

    // One comparison is under way that began with what is given up.
    void copy.compare()
    await copy.wallet.takeTheirs(ben.identity.peer)
    expect(same(copy, ben)).toBe(true)
    expect(copy.note.forks).toEqual([])
    await copy.act(pay(tally, 1n))
    await agree(copy, ben)
    // He has the proof, and can go on as well.
    await until(() => ben.note.forks.every(({ isSettled }) => isSettled), 'settled')
    expect(ben.note.forks).toHaveLength(1)
    await ben.act(pay(tally, 1n))
    await agree(copy, ben)
  })

  test('that another tab had to take back are read anew, though this one was not told', async () => {
    const { anna, ben, tally } = await partners()
    await anna.act(pay(tally, 1n))
    await agree(anna, ben)
    disconnect(anna, ben)
    const deaf = vi.spyOn(WalletStore.prototype, 'onChange').mockReturnValue(() => {})
    const frozen = await Owner.open(anna.identity, ben.identity.peer, anna.database)
    deaf.mockRestore()
    open.push(frozen)
    const store = new WalletStore(anna.database)
    await store.giveUp(ben.identity.peer, anna.identity.peer, 2)
    await store.close()
    // What was given up is not built upon, and nothing is entered before the partner was heard.
    expect(frozen.note.held).toBe(2)
    await expect(frozen.act(pay(tally, 2n))).rejects.toMatchObject({ code: 'not-compared' })
    expect(frozen.note.held).toBe(1)
    connect(frozen, ben)
    await agree(frozen, ben)
    await frozen.act(pay(tally, 2n))
    await agree(frozen, ben)
    expect(await frozen.wallet.verify(ben.identity.peer)).toBe(4)
  })

  test('that were altered on the disk are found out', async () => {
    const { anna, ben, tally } = await partners()
    await anna.act(pay(tally, 1n))
    await agree(anna, ben)
    expect(await anna.wallet.verify(ben.identity.peer)).toBe(3)
    const { entries: onDisk } = WalletStore.prototype
    const torn = vi.spyOn(WalletStore.prototype, 'entries').mockImplementation(async function (
      this: WalletStore,
      ...range
    ) {
      return (await onDisk.apply(this, range)).filter(
        ({ seq, from }) => seq > 1 || from !== anna.identity.peer,
      )
    })
    await expect(anna.wallet.verify(ben.identity.peer)).rejects.toMatchObject({ code: 'hole' })
    torn.mockRestore()
    const request = indexedDB.open(`handfast-demo/wallet/${anna.database}`)
    await new Promise((resolve) => (request.onsuccess = resolve))
    const tx = request.result.transaction('entries', 'readwrite')
    const key = [ben.identity.peer, anna.identity.peer, 2]
    const get = tx.objectStore('entries').get(key)
    await new Promise((resolve) => (get.onsuccess = resolve))
    const { signed, ...rest } = get.result as { signed: Uint8Array }
    tx.objectStore('entries').put({ ...rest, signed: signed.with(100, signed[100]! ^ 1) })
    await new Promise((resolve) => (tx.oncomplete = resolve))
    request.result.close()
    await expect(anna.wallet.verify(ben.identity.peer)).rejects.toMatchObject({
      code: 'wrong-party',
    })
  })
})

describe('pages of different versions', () => {
  /** What a later version signs. */
  const later = async (ben: Owner, anna: Owner) => {
    const body = drafted(
      ben.books,
      ben.identity.peer,
      { do: 'close', tally: ben.books.account.tally!.id },
      1,
    )
    const text = new TextDecoder().decode(encodeEntry(body))
    const message = new TextEncoder().encode(text.replace('"close"', '"swap"'))
    const signed = await ben.identity.sign('handfast-demo/wallet', message)
    return { partner: anna.identity.peer, from: ben.identity.peer, seq: body.seq, message, signed }
  }

  test('take nothing back from one that would not understand it', async () => {
    const { anna, ben, tally } = await partners()
    const { id } = await anna.act({ do: 'request', tally, amount: 5n, note: '' })
    await agree(anna, ben)
    anna.link.tamper = (method, answer) => {
      const { version: _, ...old } = answer as { version: number }
      return method === 'wallet-books' ? old : answer
    }
    await expect(anna.act({ do: 'withdraw', entry: id })).rejects.toMatchObject({ code: 'older' })
    expect(anna.note.version).toBe(1)
    anna.link.tamper = (_, answer) => answer
    await anna.act({ do: 'withdraw', entry: id })
    await agree(anna, ben)
    expect(ben.books.account.tally?.requests).toEqual([])
  })

  test('leave what they do not know, say so, and go on with what they do', async () => {
    const { anna, ben, tally } = await partners()
    const { signed } = await later(ben, anna)
    await ben.link.send(signed, { topic: 'wallet' })
    await until(() => anna.note.fault === 'newer', 'a word about it')
    expect(entries(anna)).toBe(2)
    await anna.act(pay(tally, 5n))
    await agree(anna, ben)
  })

  test('read books that another tab writes in a later version as far as they can, and add nothing', async () => {
    const { anna, ben, tally } = await partners()
    const unknown = await later(ben, anna)
    const store = new WalletStore(anna.database)
    await store.append([{ ...unknown, partner: ben.identity.peer }])
    await store.close()
    await until(() => anna.wallet.of(ben.identity.peer).unread === 'newer', 'a word about it')
    await expect(anna.act(pay(tally, 5n))).rejects.toMatchObject({ code: 'newer' })
    const again = await anna.reopened()
    open.push(again)
    expect(entries(again)).toBe(2)
    await expect(again.act(pay(tally, 5n))).rejects.toMatchObject({ code: 'newer' })
    expect(again.wallet.isReady).toBe(true)
  })
})

test('two devices of one person that are there at a time both go on', async () => {
  const { anna, ben, tally } = await partners()
  disconnect(anna, ben)
  const device = await another(anna, ben)
  await until(() => device.note.hasCompared, 'compared')
  for (const each of [anna, device, anna]) {
    // Ben is there for both, but what he is sent reaches him by one.
    each.link.become('open', ben.link)
    await each.act(pay(tally, 1n))
    await until(() => entries(ben) === entries(each), 'Ben has it')
  }
  expect([anna.note.forks, ben.note.forks]).toEqual([[], []])
  expect(entries(anna)).toBe(5)
})

test('two tabs of one person never use a number twice', async () => {
  const { anna, ben, tally } = await partners()
  const second = await Owner.open(anna.identity, ben.identity.peer, anna.database)
  open.push(second)
  await Promise.all(
    Array.from({ length: 20 }, (_, i) => (i % 2 ? anna : second).act(pay(tally, 1n))),
  )
  await until(() => entries(anna) === 22 && entries(second) === 22, 'both tabs have all')
  second.link.become('idle', null)
  await anna.compare()
  await agree(anna, ben)
})
