/** Keys in real browsers: what they keep to themselves, roots that are away, and those that come back. */

import { readFileSync } from 'node:fs'
import type { Page } from '@playwright/test'
import { peerIdFromKey } from '../../lib/identity/peer-id.ts'
import { ready } from '../../lib/crypto/sodium.ts'
import { seedSigner } from '../../lib/identity/signer.ts'
import { seedOfWords } from '../../lib/identity/words.ts'
import { Canaries } from '../support/canaries.ts'
import { ageDecrypt, ageEncrypt, hasAge } from '../support/age-tool.ts'
import type {} from './pages/keys.ts'
import { expect, test } from './support/browsers.ts'

const path = '/test/browser/pages/keys.html'
const passphrase = 'three dogs under water'
const patience = { timeout: 25_000 }

const open = (page: Page, options = {}) => page.evaluate((given) => keys.open(given), options)
const until = (page: Page, state: string) =>
  expect.poll(() => page.evaluate(() => wallet.state), patience).toBe(state)

async function link(alice: Page, bob: Page): Promise<void> {
  const ticket = await alice.evaluate(async () => String(await wallet.mesh.invite()))
  await bob.evaluate(async (text) => void (await wallet.mesh.accept(text)), ticket)
  await Promise.all([until(alice, 'open'), until(bob, 'open')])
}

async function pay(from: Page, to: Page, amount: number): Promise<void> {
  const before = await to.evaluate(() => wallet.received.length)
  await from.evaluate((sum) => wallet.link.send({ sum }), amount)
  expect(await to.evaluate((at) => wallet.received.slice(at), before)).toEqual([{ sum: amount }])
  expect(await from.evaluate((sum) => wallet.link.request('pay', sum), amount)).toBe(
    `paid ${amount}`,
  )
}

test('a device key is one that WebCrypto gives to nobody, and survives reloads', async ({
  openPeer,
}) => {
  const { page } = await openPeer(undefined, { path })
  const peer = await open(page)
  const deviceKey = await page.evaluate(() => keys.deviceKey())
  for (let again = 0; again < 3; again++) {
    expect(await page.evaluate(() => keys.storedKeys())).toEqual([
      ['device-signer', 'Ed25519', false],
      ['wrapping-key', 'AES-GCM', false],
    ])
    await page.reload()
    expect(await open(page)).toBe(peer)
    expect(await page.evaluate(() => keys.deviceKey())).toEqual(deviceKey)
    // It signs: a ticket is read only if its signature holds.
    await page.evaluate(async () => String(await wallet.mesh.invite()))
  }
  // The bytes of age and of the word list are not there before they are needed.
  const loaded = () =>
    page.evaluate(() =>
      performance
        .getEntriesByType('resource')
        .map(({ name }) => /age-encryption|bip39/.exec(name)?.[0])
        .filter((match) => match !== undefined),
    )
  expect(await loaded()).toEqual([])
  const words = await page.evaluate(() => wallet.identity.words())
  expect(new Set(await loaded())).toEqual(new Set(['bip39']))
  await page.evaluate(
    ([phrase, root]) => wallet.mesh.exportBackup({ passphrase: phrase!, words: root! }),
    [passphrase, words],
  )
  expect(new Set(await loaded())).toEqual(new Set(['bip39', 'age-encryption']))
})

test('with both roots removed: invite, accept, reload, pay; and the roots come back from words and age files', async ({
  openPeer,
}) => {
  test.setTimeout(180_000)
  const [one, other] = await Promise.all([
    openPeer(undefined, { path }),
    openPeer(undefined, { path }),
  ])
  const [alice, bob] = [one!.page, other!.page]
  const peers = await Promise.all([open(alice), open(bob)])
  const words = await alice.evaluate(() => wallet.identity.words())
  for (const page of [alice, bob]) {
    await page.evaluate(() => wallet.identity.removeRoot())
    await page.reload()
    await open(page)
    expect(await page.evaluate(() => wallet.identity.hasRoot)).toBe(false)
    expect(await page.evaluate(() => keys.outcome(() => wallet.identity.words()))).toBe('no-root')
  }
  await link(alice, bob)
  await pay(alice, bob, 1)
  await pay(bob, alice, 2)
  for (const page of [alice, bob]) {
    await page.reload()
    await open(page)
    await Promise.all([until(alice, 'open'), until(bob, 'open')])
    await pay(alice, bob, 3)
    await pay(bob, alice, 4)
  }

  const backup = await alice.evaluate(
    ([phrase, root]) => wallet.mesh.exportBackup({ passphrase: phrase!, words: root! }),
    [passphrase, words],
  )
  const sources: Record<string, object> = {
    words: { words: words.toUpperCase() },
    'an age file of the library': { backup, backupPassphrase: passphrase },
  }
  if (hasAge()) {
    sources['an age file of the age tool'] = {
      backup: String(await ageEncrypt(words, passphrase)),
      backupPassphrase: passphrase,
    }
    // What the library made in this browser, the tool opens.
    expect(JSON.parse(await ageDecrypt(backup, passphrase))).toMatchObject({ handfast: 1, words })
  }
  for (const [what, source] of Object.entries(sources)) {
    const { page, close } = await openPeer(undefined, { path })
    expect(await page.evaluate((options) => keys.restore(options), source), what).toBe(peers[0])
    expect(await page.evaluate(() => wallet.identity.words()), what).toBe(words)
    await page.reload()
    expect(await open(page), what).toBe(peers[0])
    // With the contacts come the links: Bob has never met this device.
    if ('backup' in source && source.backup === backup) {
      await until(page, 'open')
      await pay(page, bob, 5)
    }
    await close()
  }
})

test('the page is drawn while a backup is made and read', async ({ openPeer }) => {
  test.setTimeout(180_000)
  const { page } = await openPeer(undefined, { path })
  await open(page)
  const figures = await page.evaluate(async (phrase) => {
    let backup = ''
    const made = await keys.watched(async () => {
      backup = await wallet.mesh.exportBackup({ passphrase: phrase })
    })
    const read = await keys.watched(() =>
      wallet.identity.withRoot({ backup, passphrase: phrase }, async () => {}),
    )
    return { made, read }
  }, passphrase)
  for (const [what, { tookMs, frames, longestMs }] of Object.entries(figures)) {
    const said = `${what}: ${tookMs} ms, ${frames} frames, at most ${longestMs} ms apart`
    expect(longestMs, said).toBeLessThan(tookMs / 2)
  }
})

test('an age file that another implementation once made brings back the identity of its words', async ({
  openPeer,
}) => {
  const file = new URL('../vectors/age/words.txt.age', import.meta.url)
  const backup = [...readFileSync(file)]
  const words =
    'panda eyebrow bullet gorilla call smoke muffin taste mesh discover soft ostrich alcohol speed nation flash devote level hobby quick inner drive ghost inside'
  await ready()
  const expected = peerIdFromKey(seedSigner(await seedOfWords(words)).publicKey)
  const { page } = await openPeer(undefined, { path })
  const restored = await page.evaluate(
    (bytes) => keys.restore({ backup: new Uint8Array(bytes), backupPassphrase: 'handfast' }),
    backup,
  )
  expect(restored).toBe(expected)
  const restoreAgain = (options: object) =>
    page.evaluate((given) => keys.outcome(() => keys.restore(given)), options)
  expect(await restoreAgain({ words, name: 'keys' })).toBe('identity-exists')
  expect(await restoreAgain({ words: `${words} inside`, name: 'other' })).toBe('bad-words')
})

test('locked: an open session goes on, nothing else begins, and all resumes when it is unlocked', async ({
  openPeer,
}) => {
  test.setTimeout(240_000)
  const [one, other] = await Promise.all([
    openPeer(undefined, { path }),
    openPeer(undefined, { path }),
  ])
  const [alice, bob] = [one!.page, other!.page]
  await Promise.all([open(alice, { passphrase }), open(bob)])
  expect(await alice.evaluate(() => keys.storedKeys())).toEqual([])
  await link(alice, bob)
  const ticket = await bob.evaluate(async () => String(await wallet.mesh.invite()))

  await alice.evaluate(() => wallet.identity.lock())
  await pay(alice, bob, 1)
  await pay(bob, alice, 2)
  const tryAll = (text: string) =>
    alice.evaluate(
      async (given) => [
        await keys.outcome(() => wallet.mesh.invite()),
        await keys.outcome(() => wallet.mesh.accept(given)),
        await keys.outcome(() => wallet.identity.words()),
        await keys.outcome(() => wallet.identity.unlock('three cats')),
      ],
      text,
    )
  expect(await tryAll(ticket)).toEqual(['locked', 'locked', 'locked', 'wrong-passphrase'])

  // Bob comes back, and is met with silence.
  await bob.reload()
  await open(bob)
  await expect.poll(() => alice.evaluate(() => wallet.state), patience).not.toBe('open')
  const late = alice.evaluate(() => wallet.link.send('from a locked wallet'))
  await bob.waitForTimeout(5_000)
  expect(await bob.evaluate(() => [wallet.state === 'open', wallet.received])).toEqual([false, []])
  await alice.evaluate((phrase) => wallet.identity.unlock(phrase), passphrase)
  await Promise.all([until(alice, 'open'), until(bob, 'open')])
  await late
  expect(await bob.evaluate(() => wallet.received)).toEqual(['from a locked wallet'])
  await pay(bob, alice, 3)

  // And after a reload it opens with its passphrase alone.
  await alice.reload()
  const reopen = (options: object) =>
    alice.evaluate((given) => keys.outcome(() => keys.open(given)), options)
  expect(await reopen({})).toBe('wrong-passphrase')
  expect(await reopen({ passphrase: 'three cats' })).toBe('wrong-passphrase')
  expect(await reopen({ passphrase })).toBe('done')
  await until(alice, 'open')
  await pay(alice, bob, 4)
})

test('a passphrase is set, changed and taken away under live sessions, and asked for from the next opening on', async ({
  openPeer,
}) => {
  test.setTimeout(240_000)
  const [home, away] = await Promise.all([
    openPeer(undefined, { path }),
    openPeer(undefined, { path }),
  ])
  const [alice, bob] = [home!.page, away!.page]
  const peer = await open(alice)
  await open(bob)
  await link(alice, bob)
  const follower = await home!.newPage()
  await open(follower)
  await until(follower, 'open')
  const tryTo = (page: Page, from?: string, to?: string) =>
    page.evaluate((change) => keys.outcome(() => wallet.identity.changePassphrase(change)), {
      ...(from && { from }),
      to: to ?? null,
    })
  const outcomeOf = (page: Page, given?: string) =>
    page.evaluate(
      (options) => keys.outcome(() => keys.open(options)),
      given === undefined ? {} : { passphrase: given },
    )

  const steps = [undefined, passphrase, 'three cats', undefined]
  for (const [at, to] of steps.slice(1).entries()) {
    const from = steps[at]
    const before = await alice.evaluate(() => keys.wrappingKey())
    expect(await tryTo(alice, from ? undefined : 'none', to)).toBe('wrong-passphrase')
    expect(await tryTo(follower, 'no dogs', to)).toBe('wrong-passphrase')
    expect(await alice.evaluate(() => keys.wrappingKey())).toBe(before)
    expect(await tryTo(at === 1 ? follower : alice, from, to)).toBe('done')
    expect(await alice.evaluate(() => keys.wrappingKey())).not.toBe(before)
    // The key that opened it without one is gone, and comes back with nothing.
    const stored = await follower.evaluate(() => keys.storedKeys())
    expect(stored.map(([record]) => record)).toEqual(
      to === undefined ? ['device-signer', 'wrapping-key'] : ['device-signer'],
    )
    // Sessions go on in both tabs, and so does what needs the keys.
    await pay(alice, bob, at)
    await follower.evaluate((amount) => wallet.link.send({ sum: amount }), at)
    for (const page of [alice, follower]) {
      expect(await page.evaluate(() => wallet.identity.hasPassphrase())).toBe(to !== undefined)
      await page.evaluate(async () => String(await wallet.mesh.invite()))
    }
    await alice.reload()
    for (const wrong of [undefined, passphrase, 'three cats']) {
      if (wrong !== to) expect(await outcomeOf(alice, wrong)).toBe('wrong-passphrase')
    }
    expect(await outcomeOf(alice, to)).toBe('done')
    expect(await alice.evaluate(() => wallet.identity.peer)).toBe(peer)
    await until(alice, 'open')
    // Whichever of the two tabs hears it.
    expect(await bob.evaluate((n) => wallet.link.request('pay', n), at)).toBe(`paid ${at}`)
  }
})

test('one tab locks all, and the one that is unlocked takes over', async ({ openPeer }) => {
  test.setTimeout(240_000)
  const [home, away] = await Promise.all([
    openPeer(undefined, { path }),
    openPeer(undefined, { path }),
  ])
  const [leader, bob] = [home!.page, away!.page]
  await Promise.all([open(leader, { passphrase }), open(bob)])
  await link(leader, bob)
  const follower = await home!.newPage()
  await open(follower, { passphrase })
  await until(follower, 'open')

  await follower.evaluate(() => wallet.identity.lock())
  const isLocked = (page: Page) => page.evaluate(() => wallet.identity.isLocked)
  await expect.poll(() => isLocked(leader)).toBe(true)
  await pay(bob, leader, 1)
  await follower.evaluate(() => wallet.link.send('through a locked tab'))

  await follower.evaluate((phrase) => wallet.identity.unlock(phrase), passphrase)
  expect(await isLocked(leader)).toBe(true)
  // Its sessions moved to the tab that can call.
  await expect
    .poll(() => follower.evaluate(() => keys.outcome(() => wallet.mesh.invite())), patience)
    .toBe('done')
  await until(follower, 'open')
  const paid = await follower.evaluate(() => wallet.link.request('pay', 5))
  expect(paid).toBe('paid 5')
  expect(await leader.evaluate(() => keys.outcome(() => wallet.mesh.invite()))).toBe('locked')
})

test('no secret in what a page logs, throws, reports or shows', async ({
  openPeer,
  expectError,
}) => {
  test.setTimeout(240_000)
  const canaries = new Canaries()
  canaries.addText('passphrase', passphrase)
  const pages: Page[] = []
  const logged: string[] = []
  for (const name of ['alice', 'bob']) {
    const { page, context } = await openPeer(undefined, { path })
    // All that is drawn at random in 32 bytes is a secret.
    await context.addInitScript(() => {
      const drawn: number[][] = []
      Object.assign(globalThis, { drawn })
      const draw = crypto.getRandomValues.bind(crypto)
      crypto.getRandomValues = (array) => {
        const filled = draw(array)
        if (filled?.byteLength === 32) drawn.push([...(filled as unknown as Uint8Array)])
        return filled
      }
    })
    context.on('console', async (message) => {
      const values = message.args().map((value) => value.jsonValue().catch(() => ''))
      logged.push(message.text(), JSON.stringify(await Promise.all(values)))
    })
    context.on('weberror', (error) =>
      logged.push(String(error.error().stack), String(error.error())),
    )
    await page.reload()
    await open(page, { passphrase, name })
    pages.push(page)
  }
  expectError(/./)
  const [alice, bob] = pages as [Page, Page]
  const words = await alice.evaluate(() => wallet.identity.words())
  canaries.addText('words', words)
  await link(alice, bob)
  const shown = await alice.evaluate(
    async ([phrase, root]) => {
      const texts: string[] = []
      const show = (value: unknown) => {
        console.log('shown', value)
        console.error(value)
        texts.push(JSON.stringify(value) ?? '', Object.prototype.toString.call(value))
        if (!(value instanceof Error)) return
        texts.push(value.message, value.stack ?? '')
        if (value.cause !== undefined) show(value.cause)
      }
      const ticket = await wallet.mesh.invite()
      const { identity, mesh, link } = wallet
      for (const value of [identity, mesh, link, ticket, identity.device, identity.keystore]) {
        show(value)
      }
      const { Identity } = keys
      const mixed = root!.split(' ').toReversed().join(' ')
      const failing: (() => Promise<unknown>)[] = [
        () => Identity.open({ name: 'alice', passphrase: root! }),
        () => Identity.open({ name: 'alice' }),
        () => Identity.restore({ name: 'x', words: mixed }),
        () => Identity.restore({ name: 'x', words: `${root} zoo` }),
        () => Identity.restore({ name: 'x', backup: root!, backupPassphrase: phrase! }),
        () => mesh.accept(ticket),
        () => mesh.accept(String(ticket).slice(0, -8)),
        () => mesh.accept(`https://wallet.example/#${ticket}x`),
        () => mesh.readCard(String(ticket)),
        () => mesh.exportBackup({ passphrase: phrase!, words: mixed }),
        async () => {
          identity.lock()
          try {
            await mesh.invite()
          } finally {
            await identity.unlock(root).catch(show)
            await identity.unlock(phrase)
          }
        },
      ]
      for (const fail of failing) {
        await Promise.resolve()
          .then(fail)
          .then(
            () => texts.push('it did not fail'),
            (error: unknown) => (show(error), globalThis.reportError(error)),
          )
      }
      return texts
    },
    [passphrase, words],
  )
  for (const page of pages) {
    const drawn = await page.evaluate(() => (globalThis as unknown as { drawn: number[][] }).drawn)
    expect(drawn.length).toBeGreaterThan(3)
    drawn.forEach((bytes, at) => canaries.addBytes(`random ${at}`, Uint8Array.from(bytes)))
  }
  expect(shown).not.toContain('it did not fail')
  expect(logged.length).toBeGreaterThan(20)
  const leaks = [...shown, ...logged].flatMap((text) =>
    canaries.inText(text).map((name) => `${name}: ${text.slice(0, 200)}`),
  )
  expect(leaks).toEqual([])
})
