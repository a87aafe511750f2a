/** The IndexedDB store and the keystore in real browsers: what no fake shows. */

import { expect, test } from './support/browsers.ts'

const path = '/test/browser/pages/storage.html'

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

test('one name is open in one tab at a time', async ({ openPeer }) => {
  const first = await openPeer(undefined, { path })
  const second = await first.newPage()
  const open = () => storage.tryOpen('alice')
  expect(await first.page.evaluate(open)).toMatchObject({ code: 'opened' })

  for (const page of [second, first.page]) {
    const refused = await page.evaluate(open)
    expect(refused).toMatchObject({ code: 'identity-in-use' })
    expect(refused.message).toContain("'alice' is already open")
    expect(refused.tookMs).toBeGreaterThan(1_900)
    expect(refused.tookMs).toBeLessThan(5_000)
  }
  expect(await second.evaluate(() => storage.tryOpen('bob'))).toMatchObject({ code: 'opened' })

  await first.page.evaluate(() => store.close())
  expect(await second.evaluate(open)).toMatchObject({ code: 'opened' })
})

test('a tab that is reloaded or closed hands over', async ({ openPeer }) => {
  const { page, newPage } = await openPeer(undefined, { path })
  const open = () => storage.tryOpen('alice')
  await page.evaluate(open)
  await page.evaluate(() => storage.put('a', { n: 1 }))
  await page.reload()
  const reloaded = await page.evaluate(open)
  expect(reloaded).toMatchObject({ code: 'opened' })
  expect(await page.evaluate(() => storage.get('a'))).toEqual({ n: 1 })

  const second = await newPage()
  const opening = second.evaluate(open)
  await page.close()
  expect(await opening).toMatchObject({ code: 'opened' })
  expect(await second.evaluate(() => storage.get('a'))).toEqual({ n: 1 })
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
    const blocked = await page.evaluate(() => storage.tryOpen('alice'))
    expect(blocked).toMatchObject({ code: 'storage-blocked' })
    expect(blocked.tookMs).toBeLessThan(5_000)
    await holder.evaluate(() => (globalThis as unknown as { held: IDBDatabase }).held.close())
    expect(await page.evaluate(() => storage.tryOpen('alice'))).toMatchObject({ code: 'opened' })
  })
}

test('a store makes way for a tab that erases its database', async ({ openPeer }) => {
  const { page, newPage } = await openPeer(undefined, { path })
  await page.evaluate(() => storage.tryOpen('alice'))
  const other = await newPage()
  await other.evaluate(
    () =>
      new Promise<void>((resolve) => {
        indexedDB.deleteDatabase('handfast/alice').onsuccess = () => resolve()
      }),
  )
  const code = await page.evaluate(() =>
    storage.get('a').catch((error: { code: string }) => error.code),
  )
  expect(code).toBe('closed')
  expect(await other.evaluate(() => storage.tryOpen('alice'))).toMatchObject({ code: 'opened' })
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
    await keystore.put('seed', Uint8Array.of(1, 2, 3))
  })
  await before.close()

  const { page } = await openPeer(undefined, { path, profile })
  const found = await page.evaluate(async () => {
    await storage.tryOpen('alice')
    const keystore = await storage.Keystore.open(store)
    const secret = [...(await keystore.get('seed'))!]
    const key = (await store.transaction(['keys'], { mode: 'read' }, (tx) =>
      tx.get('keys', 'wrapping-key'),
    )) as CryptoKey
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
    await page.evaluate(() => storage.tryOpen('alice'))
    const devtools = await context.newCDPSession(page)
    const { origin } = new URL(page.url())
    await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1_000_000 })
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
