/** The IndexedDB store and the keystore in real browsers: what no fake shows. */

import { fastest } from '../support/fastest.ts'
import { expect, test } from './support/browsers.ts'

const path = '/test/browser/pages/storage.html'
const limitMs = 5_000

test('the store passes every conformance check', async ({ openPeer }) => {
  const { page } = await openPeer(undefined, { path })
  expect(await page.evaluate(() => storage.failedChecks())).toEqual([])
})

test('the browser is asked for the durability that was wanted', async ({ openPeer }) => {
  const { page } = await openPeer(undefined, { path })
  const durabilities = await page.evaluate(async () => {
    const store = await storage.IdbStore.open('durability')
    const seen: string[] = []
    const { transaction } = IDBDatabase.prototype
    IDBDatabase.prototype.transaction = function (...args) {
      const started = transaction.apply(this, args)
      seen.push(started.durability)
      return started
    }
    const work = async () => {}
    await store.transaction(['keys'], { mode: 'write', durability: 'strict' }, work)
    await store.transaction(['keys'], { mode: 'write', durability: 'relaxed' }, work)
    await store.transaction(['keys'], { mode: 'write' }, work)
    return seen
  })
  expect(durabilities).toEqual(['strict', 'relaxed', 'relaxed'])
})

test('several tabs, and several stores of one, have one name open at once, isolated from each other', async ({
  openPeer,
}) => {
  const { page, newPage } = await openPeer(undefined, { path })
  const pages = [page, await newPage(), await newPage()]
  await Promise.all(pages.map((each) => each.evaluate(() => storage.tryOpen('alice'))))
  const count = () =>
    Promise.all(
      pages.map((each) =>
        each.evaluate(async () => {
          const stores = [store, await storage.IdbStore.open('alice')]
          const increment = (from: typeof store) =>
            from.transaction(['contacts'], { mode: 'write', durability: 'strict' }, async (tx) => {
              const n = ((await tx.get('contacts', 'count')) as number | undefined) ?? 0
              await tx.put('contacts', 'count', n + 1)
            })
          await Promise.all(
            stores.flatMap((from) => Array.from({ length: 20 }, () => increment(from))),
          )
          await stores[1]!.close()
        }),
      ),
    )
  await count()
  for (const each of pages) expect(await each.evaluate(() => storage.get('count'))).toBe(120)
})

test('what a tab stored is there for others once it is reloaded or closed', async ({
  openPeer,
}) => {
  const { page, newPage } = await openPeer(undefined, { path })
  const open = () => storage.tryOpen('alice')
  await page.evaluate(open)
  await page.evaluate(() => storage.put('a', { n: 1 }))
  await page.reload()
  expect(await page.evaluate(open)).toMatchObject({ code: 'opened' })
  expect(await page.evaluate(() => storage.get('a'))).toEqual({ n: 1 })

  const second = await newPage()
  const opening = second.evaluate(open)
  await page.close()
  expect(await opening).toMatchObject({ code: 'opened' })
  expect(await second.evaluate(() => storage.get('a'))).toEqual({ n: 1 })
})

test('tabs that make an identity at the same moment get the same', async ({ openPeer }) => {
  const { page, newPage } = await openPeer(undefined, { path })
  const pages = [page, await newPage()]
  for (let n = 0; n < 20; n++) {
    const startMs = Date.now() + 100
    const opened = await Promise.all(
      pages.map((each) =>
        each.evaluate(
          async ({ name, atMs }) => {
            while (Date.now() < atMs);
            const { peer, device, keystore } = await storage.Identity.open({ name })
            return { peer, device: [...device.key], sealed: await keystore.seal('x', device.key) }
          },
          { name: `identity ${n}`, atMs: startMs },
        ),
      ),
    )
    const [first, second] = opened
    expect(second!.peer).toBe(first!.peer)
    expect(second!.device).toEqual(first!.device)
    // One key seals for all of them.
    const unsealed = await page.evaluate(
      async ({ name, sealed }) => {
        const identity = await storage.Identity.open({ name })
        const secrets = [...(await identity.keystore.unseal('x', sealed))]
        return { peer: identity.peer, device: secrets }
      },
      { name: `identity ${n}`, sealed: second!.sealed },
    )
    expect(unsealed).toEqual({ peer: first!.peer, device: first!.device })
  }
})

for (const what of ['upgrade', 'erasure'] as const) {
  test(`a blocked ${what} makes opening fail within 5 s, until it is let go`, async ({
    openPeer,
  }) => {
    const { page, newPage } = await openPeer(undefined, { path })
    await page.evaluate(async () => {
      await storage.tryOpen('alice')
      await store.close()
    })
    const holder = await newPage()
    await holder.evaluate(async (blocked) => {
      const request = indexedDB.open('handfast/alice')
      await new Promise((resolve) => (request.onsuccess = resolve))
      Object.assign(globalThis, { held: request.result })
      if (blocked === 'upgrade') {
        // Aborted once it gets its turn: the database stays at its version.
        const upgrade = indexedDB.open('handfast/alice', 99)
        upgrade.onupgradeneeded = () => upgrade.transaction!.abort()
      } else indexedDB.deleteDatabase('handfast/alice')
    }, what)
    const tryOpen = async () => {
      const blocked = await page.evaluate(() => storage.tryOpen('alice'))
      expect(blocked).toMatchObject({ code: 'storage-blocked' })
      return blocked.tookMs
    }
    expect(await fastest(limitMs, tryOpen)).toBeLessThan(limitMs)
    await holder.evaluate(() => (globalThis as unknown as { held: IDBDatabase }).held.close())
    expect(await page.evaluate(() => storage.tryOpen('alice'))).toMatchObject({ code: 'opened' })
  })
}

test('stores make way for a tab that erases their database', async ({ openPeer }) => {
  const { page, newPage } = await openPeer(undefined, { path })
  const holders = [page, await newPage()]
  for (const each of holders) await each.evaluate(() => storage.tryOpen('alice'))
  await page.evaluate(() => storage.put('a', 1))
  const other = await newPage()
  const erased = await other.evaluate(() => storage.outcome(() => storage.IdbStore.delete('alice')))
  expect(erased).toMatchObject({ code: 'done' })
  expect(await other.evaluate(() => storage.tryOpen('alice'))).toMatchObject({ code: 'opened' })
  for (const each of holders) {
    const outcome = await each.evaluate(() => storage.outcome(() => storage.put('a', 2)))
    expect(outcome).toMatchObject({ code: 'closed' })
  }
  expect(await other.evaluate(() => storage.get('a'))).toBeUndefined()
})

test('an erasure that a tab blocks is an error within 5 s', async ({ openPeer }) => {
  const { page, newPage } = await openPeer(undefined, { path })
  const holder = await newPage()
  await holder.evaluate(async () => {
    await storage.tryOpen('alice')
    await storage.put('a', 1)
    // It ignores `versionchange`.
    Object.assign(globalThis, { held: await storage.openRaw('handfast/alice') })
  })
  const erase = () => page.evaluate(() => storage.outcome(() => storage.IdbStore.delete('alice')))
  const tryErase = async () => {
    const blocked = await erase()
    expect(blocked).toMatchObject({ code: 'storage-blocked' })
    return blocked.tookMs
  }
  expect(await fastest(limitMs, tryErase)).toBeLessThan(limitMs)
  await holder.evaluate(() => (globalThis as unknown as { held: IDBDatabase }).held.close())
  expect(await erase()).toMatchObject({ code: 'done' })
  await page.evaluate(() => storage.tryOpen('alice'))
  expect(await page.evaluate(() => storage.get('a'))).toBeUndefined()
})

test('erasing leaves nothing', async ({ openPeer }) => {
  const { page } = await openPeer(undefined, { path })
  const left = await page.evaluate(async () => {
    await storage.tryOpen('alice')
    await storage.put('a', 1)
    await store.close()
    await storage.IdbStore.delete('alice')
    return (await indexedDB.databases()).map(({ name }) => name)
  })
  expect(left).toEqual([])
})

test('secrets and their non-extractable key outlive the browser', async ({
  openPeer,
  profileFolder,
}) => {
  const profile = await profileFolder()
  const before = await openPeer(undefined, { path, profile })
  await before.page.evaluate(async () => {
    await storage.tryOpen('alice')
    const keystore = await storage.Keystore.open(store)
    await keystore.put({ seed: Uint8Array.of(1, 2, 3) })
  })
  await before.close()

  const { page } = await openPeer(undefined, { path, profile })
  const found = await page.evaluate(async () => {
    await storage.tryOpen('alice')
    const keystore = await storage.Keystore.open(store)
    const secret = [...(await keystore.get('seed'))!]
    const { key } = (await store.transaction(['keys'], { mode: 'read' }, (tx) =>
      tx.get('keys', 'wrapping-key'),
    )) as { key: CryptoKey }
    const exported = await crypto.subtle.exportKey('raw', key).then(
      () => 'exported',
      (error: DOMException) => error.name,
    )
    return { secret, extractable: key.extractable, exported }
  })
  expect(found).toEqual({ secret: [1, 2, 3], extractable: false, exported: 'InvalidAccessError' })
})

test.describe('with the browser interfering', () => {
  test.skip(({ browserName }) => browserName !== 'chromium', 'needs the DevTools protocol')

  test('a full disk is a typed failure, and smaller writes still work', async ({ openPeer }) => {
    const { page, context } = await openPeer(undefined, { path })
    const devtools = await context.newCDPSession(page)
    const { origin } = new URL(page.url())
    // Before the first write: Chromium remembers for a while how much room there was at the last.
    await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1_000_000 })
    await page.evaluate(() => storage.tryOpen('alice'))
    const error = await page.evaluate(() =>
      storage.put('large', new Uint8Array(4_000_000)).then(
        () => ({ code: 'stored', message: '' }),
        ({ code, message }: { code: string; message: string }) => ({ code, message }),
      ),
    )
    expect(error.code).toBe('storage-failed')
    expect(error.message).toContain('full')
    expect(await page.evaluate(() => storage.get('large'))).toBeUndefined()
    await page.evaluate(() => storage.put('small', 1))
    expect(await page.evaluate(() => storage.get('small'))).toBe(1)
  })
})
