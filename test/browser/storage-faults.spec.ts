/**
 * Everything that IndexedDB does to a page, in real browsers: each fault is a typed error within seconds, nothing that was acknowledged
 * is lost, and the same store goes on when it can. The table of them is in `docs/storage.md`.
 */

import { type BrowserContext, type Page } from '@playwright/test'
import { expect, test as base } from './support/browsers.ts'
import { browserTypes, launchOptions } from './support/launch.ts'
import type {} from './pages/storage.ts'

const path = '/test/browser/pages/storage.html'
const limitMs = 5_000
const recordBytes = 256 * 1024

type FirefoxPrefs = Record<string, string | number | boolean>

const test = base.extend<{ openProfile(prefs?: FirefoxPrefs): Promise<Page> }>({
  /** A page in a browser of its own, with these preferences if it is Firefox. */
  openProfile: async ({ browserName, headless, baseURL, profileFolder }, use) => {
    const contexts: BrowserContext[] = []
    await use(async (prefs = {}) => {
      const name = browserName === 'firefox' ? 'firefox' : 'chromium'
      const options = launchOptions(name, true, headless ?? true)
      const context = await browserTypes[name].launchPersistentContext(await profileFolder(), {
        ...options,
        ...(baseURL === undefined ? {} : { baseURL }),
        ...(name === 'firefox' && {
          firefoxUserPrefs: { ...options.firefoxUserPrefs, ...prefs },
        }),
      })
      contexts.push(context)
      const page = await context.newPage()
      await page.goto(path)
      return page
    })
    for (const context of contexts) await context.close()
  },
})

/** That outcome, and in time. */
function expectOutcome(
  outcome: { code: string; message: string; tookMs: number },
  code: string,
  message = '',
): void {
  expect(outcome).toMatchObject({ code })
  expect(outcome.message).toContain(message)
  expect(outcome.tookMs).toBeLessThan(limitMs)
  test.info().annotations.push({ type: code, description: `${Math.round(outcome.tookMs)} ms` })
}

const attemptGet = (page: Page, key: string) =>
  page.evaluate((name) => storage.outcome(() => storage.get(name)), key)

test('a full quota fails writes, loses none that was acknowledged, and the store goes on once there is room', async ({
  openProfile,
  browserName,
}) => {
  // Firefox gives an origin at least 10 MB.
  const page = await openProfile({
    'dom.quotaManager.temporaryStorage.fixedLimit': 20 * 1024,
  })
  const setQuota = async (quotaSize?: number) => {
    if (browserName !== 'chromium') return
    const devtools = await page.context().newCDPSession(page)
    const { origin } = new URL(page.url())
    await devtools.send('Storage.overrideQuotaForOrigin', {
      origin,
      ...(quotaSize === undefined ? {} : { quotaSize }),
    })
  }
  await setQuota(8_000_000)
  const { acknowledged, failed } = await page.evaluate(async (bytes) => {
    await storage.tryOpen('alice')
    const large = () => crypto.getRandomValues(new Uint8Array(65_536))
    const record = () => Array.from({ length: bytes / 65_536 }, large)
    for (let n = 0; n < 400; n++) {
      const outcome = await storage.outcome(() => storage.put(`n${n}`, record()))
      if (outcome.code !== 'done') return { acknowledged: n, failed: outcome }
    }
    return { acknowledged: 400, failed: { code: 'done', message: '', tookMs: 0 } }
  }, recordBytes)
  expectOutcome(failed, 'storage-failed', 'full')
  expect(acknowledged).toBeGreaterThan(4)
  const countHeld = () =>
    page.evaluate(async (count) => {
      const held = []
      for (let n = 0; n <= count; n++) held.push((await storage.get(`n${n}`)) !== undefined)
      return held
    }, acknowledged)
  const expected = [...Array.from({ length: acknowledged }, () => true), false]
  expect(await countHeld()).toEqual(expected)

  // Room again: by a larger quota, or (Firefox reads its own at its start) by what is deleted.
  await setQuota()
  if (browserName === 'firefox') {
    const freed = await page.evaluate(
      (count) =>
        storage.outcome(() =>
          store.transaction(['contacts'], { mode: 'write', durability: 'strict' }, async (tx) => {
            for (let n = 2; n < count; n++) await tx.delete('contacts', `n${n}`)
          }),
        ),
      acknowledged,
    )
    expectOutcome(freed, 'done')
    expected.fill(false, 2)
  }
  const retried = await page.evaluate(
    (bytes) => storage.outcome(() => storage.put('again', new Uint8Array(bytes).fill(7))),
    recordBytes,
  )
  expectOutcome(retried, 'done')
  expect(await countHeld()).toEqual(expected)

  await page.reload()
  await page.evaluate(() => storage.tryOpen('alice'))
  expect(await countHeld()).toEqual(expected)
})

test('data cleared under a running page fail the store for good: it never starts from nothing', async ({
  openProfile,
}) => {
  const page = await openProfile()
  await page.evaluate(async () => {
    await storage.tryOpen('alice')
    await storage.put('a', 1)
  })
  await page.evaluate(async () => void (await (await fetch('/clear-site-data')).text()))
  await expect.poll(() => page.evaluate(async () => (await indexedDB.databases()).length)).toBe(0)
  for (let again = 0; again < 2; again++) {
    expectOutcome(await attemptGet(page, 'a'), 'storage-failed')
    const put = await page.evaluate(() => storage.outcome(() => storage.put('a', 2)))
    expectOutcome(put, 'storage-failed')
  }
  expect(await page.evaluate(async () => (await indexedDB.databases()).length)).toBe(0)
  await page.evaluate(() => store.close())
  expectOutcome(await page.evaluate(() => storage.tryOpen('alice')), 'opened')
})

test('data cleared and made again by another tab are never written to by the store that knew the old ones', async ({
  openProfile,
}) => {
  const page = await openProfile()
  const other = await page.context().newPage()
  await other.goto(path)
  await page.evaluate(async () => {
    await storage.tryOpen('alice')
    await storage.put('a', 1)
  })
  await other.evaluate(async () => void (await (await fetch('/clear-site-data')).text()))
  await expect.poll(() => other.evaluate(async () => (await indexedDB.databases()).length)).toBe(0)
  expectOutcome(await other.evaluate(() => storage.tryOpen('alice')), 'opened')
  for (let again = 0; again < 2; again++) {
    const put = await page.evaluate(() => storage.outcome(() => storage.put('a', 2)))
    expectOutcome(put, 'storage-failed', 'erased')
    expectOutcome(await attemptGet(page, 'a'), 'storage-failed', 'erased')
  }
  expect(await other.evaluate(() => storage.get('a'))).toBeUndefined()
  await page.evaluate(() => store.close())
  expectOutcome(await page.evaluate(() => storage.tryOpen('alice')), 'opened')
})

test('a connection lost with its data intact is opened anew, by the same store', async ({
  openPeer,
}) => {
  const { page } = await openPeer(undefined, { path })
  const outcomes = await page.evaluate(async () => {
    await storage.tryOpen('alice')
    await storage.put('a', 1)
    const { transaction } = IDBDatabase.prototype
    let lose: 'before' | 'during' | undefined
    IDBDatabase.prototype.transaction = function (...args) {
      const how = lose
      lose = undefined
      if (how === 'before') this.close()
      const started = transaction.apply(this, args)
      if (how === 'during') {
        started.abort()
        this.close()
        this.dispatchEvent(new Event('close'))
      }
      return started
    }
    lose = 'before'
    const before = await storage.outcome(() => storage.put('b', 2))
    lose = 'during'
    const during = await storage.outcome(() => storage.put('c', 3))
    const after = await storage.outcome(() => storage.put('d', 4))
    const held = await Promise.all(['a', 'b', 'c', 'd'].map((key) => storage.get(key)))
    return { before, during, after, held }
  })
  expectOutcome(outcomes.before, 'done')
  expectOutcome(outcomes.during, 'storage-failed')
  expectOutcome(outcomes.after, 'done')
  expect(outcomes.held).toEqual([1, 2, undefined, 4])
})

const earlierSchemas = {
  1: ['keys', 'tickets', 'contacts', 'answered'],
  2: ['keys', 'tickets', 'contacts', 'answered', 'outbox', 'inbox'],
  3: ['keys', 'tickets', 'contacts', 'answered', 'outbox', 'inbox', 'drafts', 'mesh'],
}
for (const [schema, tables] of Object.entries(earlierSchemas)) {
  test(`a database of version ${schema} is upgraded with all that it held, also after another tab blocked that`, async ({
    openPeer,
  }) => {
    const keptIn = ['keys', 'outbox', 'inbox'].filter((table) => tables.includes(table))
    const { page, newPage } = await openPeer(undefined, { path })
    const before = await page.evaluate(
      async ({ version, stores, kept }) => {
        const identity = await storage.Identity.open({ name: 'alice' })
        const mesh = await storage.Mesh.open({ identity })
        await mesh.invite()
        await mesh.close()
        await identity.close()
        // The same records under the earlier schema.
        const records = await storage.dump('alice')
        await storage.IdbStore.delete('alice')
        const db = await storage.openRaw('handfast/alice', version, (fresh) => {
          for (const table of stores) {
            const made = fresh.createObjectStore(table)
            if (table === 'mesh') made.createIndex('unless', 'unless', { unique: true })
          }
        })
        const tx = db.transaction(stores, 'readwrite')
        for (const table of stores) {
          for (const [key, value] of records.get(table)!) tx.objectStore(table).put(value, key)
          if (kept.includes(table)) tx.objectStore(table).put({ of: table }, 'kept')
        }
        await new Promise((resolve) => (tx.oncomplete = resolve))
        db.close()
        return {
          peer: identity.peer,
          tickets: [...records.get('tickets')!.keys()],
        }
      },
      { version: Number(schema), stores: tables, kept: keptIn },
    )
    expect(before.tickets).toHaveLength(1)

    const holder = await newPage()
    await holder.evaluate(async () => {
      // It ignores `versionchange`.
      Object.assign(globalThis, { held: await storage.openRaw('handfast/alice') })
    })
    expectOutcome(await page.evaluate(() => storage.tryOpen('alice')), 'storage-blocked', 'another')
    await holder.evaluate(() => (globalThis as unknown as { held: IDBDatabase }).held.close())

    const { kept, databaseId, ...after } = await page.evaluate(async () => {
      const identity = await storage.Identity.open({ name: 'alice' })
      const mesh = await storage.Mesh.open({ identity })
      await mesh.close()
      await identity.close()
      const records = await storage.dump('alice')
      const { version } = await storage.openRaw('handfast/alice')
      const found = [...records].map(([table, held]) => [table, held.get('kept')] as const)
      return {
        peer: identity.peer,
        tickets: [...records.get('tickets')!.keys()],
        version,
        tables: [...records.keys()],
        kept: found.filter(([, value]) => value !== undefined),
        databaseId: records.get('mesh')!.get('database'),
      }
    })
    expect(after).toEqual({
      ...before,
      version: 4,
      tables: [
        'answered',
        'contacts',
        'drafts',
        'inbox',
        'journal',
        'keys',
        'mesh',
        'outbox',
        'peers',
        'tickets',
      ],
    })
    expect(kept).toEqual(keptIn.toSorted().map((table) => [table, { of: table }]))
    expect(databaseId).toMatch(/^[\w-]{22}$/)
  })
}

test('a database of a newer version is refused and left alone', async ({ openPeer }) => {
  const { page } = await openPeer(undefined, { path })
  const outcome = await page.evaluate(async () => {
    const db = await storage.openRaw('handfast/alice', 99, (fresh) => {
      fresh.createObjectStore('future').put(1, 'a')
    })
    db.close()
    return storage.tryOpen('alice')
  })
  expectOutcome(outcome, 'storage-failed', 'newer version')
  const left = await page.evaluate(async () => {
    const { version } = await storage.openRaw('handfast/alice')
    return { version, a: (await storage.dump('alice')).get('future')?.get('a') }
  })
  expect(left).toEqual({ version: 99, a: 1 })
})

for (const how of ['undefined', 'null', 'throwing', 'refusing'] as const) {
  test(`no IndexedDB (${how}) is unsupported, at once`, async ({ openPeer }) => {
    const { page } = await openPeer(undefined, { path })
    const outcome = await page.evaluate((kind) => {
      const refuse = () => {
        throw new DOMException('The operation is insecure.', 'SecurityError')
      }
      const get = {
        undefined: () => undefined,
        null: () => null,
        throwing: refuse,
        refusing: () => ({ open: refuse }),
      }[kind]
      Object.defineProperty(globalThis, 'indexedDB', { configurable: true, get })
      return storage.outcome(() => storage.Identity.open())
    }, how)
    expectOutcome(outcome, 'unsupported')
  })
}

test.describe('in Firefox', () => {
  test.skip(({ browserName }) => browserName !== 'firefox', 'a mode and preferences of Firefox')

  test('private windows work for as long as they are open', async ({ openProfile }) => {
    const page = await openProfile({ 'browser.privatebrowsing.autostart': true })
    const open = () =>
      page.evaluate(async () => {
        let peer = ''
        const outcome = await storage.outcome(async () => {
          ;({ peer } = await storage.Identity.open())
        })
        return { peer, outcome }
      })
    const first = await open()
    expectOutcome(first.outcome, 'done')
    await page.reload()
    expect((await open()).peer).toBe(first.peer)
  })

  test('refused site data are unsupported', async ({ openProfile }) => {
    const page = await openProfile({ 'network.cookie.cookieBehavior': 2 })
    const outcome = await page.evaluate(() => storage.outcome(() => storage.Identity.open()))
    expectOutcome(outcome, 'unsupported')
  })
})

const garbages = {
  null: null,
  'a number': 7,
  'a wrong shape': { secret: 1, expiresAtMs: 'x' },
  'half a record': { iv: new Uint8Array(12), expiresAtMs: 1e15 },
}
for (const [shown, garbage] of Object.entries(garbages)) {
  test(`damaged records (${shown}) cost what they held and no more, by name`, async ({
    openPeer,
    expectError,
  }) => {
    expectError(/the (contact|ticket) '.{22}' is damaged/)
    const { page } = await openPeer(undefined, { path })
    const found = await page.evaluate(async (value) => {
      const identities = await Promise.all(
        ['alice', 'bob', 'carol'].map((name) => storage.Identity.open({ name })),
      )
      const [alice, bob, carol] = await Promise.all(
        identities.map((identity) => storage.Mesh.open({ identity })),
      )
      for (const other of [bob!, carol!]) {
        const met = new Promise((resolve) => alice!.on('link', resolve))
        await other.accept(await alice!.invite({ purpose: 'x' }))
        await met
      }
      await alice!.invite()
      for (const mesh of [alice!, bob!, carol!]) await mesh.close()
      for (const identity of identities) await identity.close()

      const db = await storage.openRaw('handfast/alice')
      const stores = ['contacts', 'tickets', 'answered']
      const tx = db.transaction(stores, 'readwrite')
      // The first contact, every ticket, every packet answered.
      for (const table of stores) {
        const cursors = tx.objectStore(table).openCursor()
        cursors.onsuccess = () => {
          cursors.result?.update(value)
          if (table !== 'contacts') cursors.result?.continue()
        }
      }
      await new Promise((resolve) => (tx.oncomplete = resolve))
      db.close()

      const errors: string[] = []
      addEventListener('error', ({ error }) => errors.push(`${error.code}: ${error.message}`))
      const identity = await storage.Identity.open({ name: 'alice' })
      const startMs = performance.now()
      const mesh = await storage.Mesh.open({ identity })
      const tookMs = performance.now() - startMs
      const links = mesh.links.size
      await mesh.invite()
      await mesh.close()
      await identity.close()
      const records = await storage.dump('alice')
      const count = (table: string) => records.get(table)!.size
      return { links, errors, tookMs, contacts: count('contacts'), tickets: count('tickets') }
    }, garbage)
    expect(found.links).toBe(1)
    expect(
      found.errors.filter((text) => text.startsWith('storage-failed: the contact')),
    ).toHaveLength(1)
    expect(
      found.errors.filter((text) => text.startsWith('storage-failed: the ticket')),
    ).toHaveLength(3)
    expect(found).toMatchObject({ contacts: 2, tickets: 4 })
    expect(found.tookMs).toBeLessThan(limitMs)
  })

  test(`damaged keys (${shown}) are an error, never a new identity`, async ({ openPeer }) => {
    const { page } = await openPeer(undefined, { path })
    const outcomes = await page.evaluate(async (value) => {
      const identity = await storage.Identity.open({ name: 'alice' })
      await identity.close()
      const damaged = await storage.corrupt('alice', 'keys', value)
      const open = () => storage.outcome(() => storage.Identity.open({ name: 'alice' }))
      return { damaged, opened: [await open(), await open()] }
    }, garbage)
    expect(outcomes.damaged).toBe(5)
    for (const outcome of outcomes.opened) expectOutcome(outcome, 'storage-failed', 'damaged')
  })
}

test('a key that is gone never makes another identity', async ({ openPeer }) => {
  const { page } = await openPeer(undefined, { path })
  const opened = await page.evaluate(async () => {
    const outcomes: Record<string, string> = {}
    const keys = [
      'wrapping-key',
      'secret/identity',
      'secret/chain',
      'secret/device',
      'device-signer',
    ]
    for (const key of keys) {
      const before = await storage.Identity.open({ name: key })
      await before.close()
      const store = await storage.IdbStore.open(key)
      const strict = { mode: 'write', durability: 'strict' } as const
      await store.transaction(['keys'], strict, (tx) => tx.delete('keys', key))
      await store.close()
      outcomes[key] = await storage.Identity.open({ name: key }).then(
        (identity) => (identity.peer === before.peer ? 'the same' : 'another'),
        (error: { code: string }) => error.code,
      )
    }
    return outcomes
  })
  expect(opened).toEqual({
    'wrapping-key': 'storage-failed',
    // Needed to certify a device, and this one is certified.
    'secret/identity': 'the same',
    // The root certifies the same device anew.
    'secret/chain': 'the same',
    // The identity certifies another device.
    'secret/device': 'the same',
    // It may be the application that signs for the device.
    'device-signer': 'bad-key',
  })
})

test('whatever must not be lost is written strictly', async ({ openPeer }) => {
  const { page } = await openPeer(undefined, { path })
  const writes = await page.evaluate(async () => {
    const seen = new Map<string, Set<string>>()
    const { transaction } = IDBDatabase.prototype
    IDBDatabase.prototype.transaction = function (...args) {
      const started = transaction.apply(this, args)
      if (started.mode === 'readwrite') {
        for (const table of started.objectStoreNames) {
          seen.set(table, (seen.get(table) ?? new Set()).add(started.durability))
        }
      }
      return started
    }
    const identities = await Promise.all(
      ['alice', 'bob'].map((name) => storage.Identity.open({ name })),
    )
    const [alice, bob] = await Promise.all(
      identities.map((identity) => storage.Mesh.open({ identity })),
    )
    const met = new Promise<void>((resolve) =>
      alice!.on('link', (link) => {
        link.on('message', () => {})
        resolve()
      }),
    )
    const link = await bob!.accept(await alice!.invite())
    await met
    await link.send('hello')
    await bob!.forget(alice!.peer)
    for (const mesh of [alice!, bob!]) await mesh.close()
    for (const identity of identities) await identity.close()
    return [...seen].map(([table, durabilities]) => [table, [...durabilities]] as const)
  })
  const strict = ['keys', 'tickets', 'contacts', 'peers', 'outbox', 'inbox']
  for (const [table, durabilities] of writes) {
    if (strict.includes(table)) expect([table, durabilities]).toEqual([table, ['strict']])
  }
  expect(writes.map(([table]) => table)).toEqual(expect.arrayContaining(strict))
})
