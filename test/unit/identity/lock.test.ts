/** The lock: what needs the keys waits, what does not goes on. */

import 'fake-indexeddb/auto'
import { afterEach, describe, expect, it } from 'vitest'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import { IdbStore } from '../../../lib/storage/idb-store.ts'
import type { Store } from '../../../lib/storage/store.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { passphraseIterations } from '../../../lib/base/limits.ts'

const passphrase = 'Grüße aus dem Keller'
const locked = { code: 'locked' }
const handshake = {
  pattern: 'NK',
  role: 'responder',
  prologue: new Uint8Array(),
} as unknown as Parameters<Identity['device']['handshake']>[0]

let open: Identity[] = []
afterEach(async () => {
  for (const identity of open) await identity.close()
  open = []
})
const opened = async (options: Parameters<typeof Identity.open>[0]) => {
  const identity = await Identity.open(options)
  open.push(identity)
  return identity
}

describe('a keystore under a passphrase', () => {
  it('opens with it alone', async () => {
    const store = new MemoryStore()
    const identity = await opened({ store, passphrase })
    const words = await identity.words()
    const again = await opened({ store, passphrase })
    expect([again.peer, await again.words()]).toEqual([identity.peer, words])
    for (const wrong of [undefined, '', 'grüße aus dem keller', `${passphrase} `]) {
      const other = { store, ...(wrong === undefined ? {} : { passphrase: wrong }) }
      await expect(Identity.open(other)).rejects.toMatchObject({ code: 'wrong-passphrase' })
    }
  })

  it('takes the same characters however they are composed', async () => {
    const store = new MemoryStore()
    await opened({ store, passphrase: passphrase.normalize('NFC') })
    await opened({ store, passphrase: passphrase.normalize('NFD') })
  })

  it('holds nothing that opens without it, and asks for the work that is promised', async () => {
    const store = new MemoryStore()
    await opened({ store, passphrase })
    const records = await store.transaction(['keys'], { mode: 'read' }, (tx) => tx.list('keys'))
    expect(records.filter(({ value }) => value instanceof CryptoKey)).toEqual([])
    expect(records.find(({ key }) => key === 'wrapping-key')?.value).toMatchObject({
      iterations: passphraseIterations,
      salt: expect.toSatisfy((salt: Uint8Array) => salt.length === 16),
    })
    // Sealed under the keystore's own key: not one record is known from another store.
    expect(records.map(({ key }) => key).sort()).toEqual([
      'secret/chain',
      'secret/device',
      'secret/identity',
      'wrapping-key',
    ])
  })

  it('protects nothing with an empty one', async () => {
    await expect(Identity.open({ store: new MemoryStore(), passphrase: '' })).rejects.toMatchObject(
      { code: 'invalid-argument' },
    )
  })

  it('is not given one later, without asking', async () => {
    const store = new MemoryStore()
    await opened({ store })
    await expect(Identity.open({ store, passphrase })).rejects.toMatchObject({
      code: 'wrong-passphrase',
    })
  })

  it.each([
    ['no salt', { iv: new Uint8Array(12), ciphertext: new Uint8Array(48), iterations: 1 }],
    ['nothing', {}],
    ['null', null],
  ])('that is damaged, with %s, is not replaced', async (_, record) => {
    const store = new MemoryStore()
    await opened({ store, passphrase })
    await store.transaction(['keys'], { mode: 'write' }, (tx) =>
      tx.put('keys', 'wrapping-key', record),
    )
    await expect(Identity.open({ store, passphrase })).rejects.toMatchObject({
      code: 'storage-failed',
    })
  })

  it('is one for two tabs that begin at once', async () => {
    const store = new MemoryStore()
    const tabs = await Promise.all([opened({ store, passphrase }), opened({ store, passphrase })])
    expect(tabs[0]!.peer).toBe(tabs[1]!.peer)
  })
})

describe.each([
  ['with a passphrase', passphrase],
  ['without one', undefined],
])('an identity that is locked, %s', (_, phrase) => {
  const options = () => ({
    store: new MemoryStore(),
    ...(phrase === undefined ? {} : { passphrase: phrase }),
  })

  it('signs and opens nothing, and knows who it is', async () => {
    const identity = await opened(options())
    const sealed = await identity.keystore.seal('x', Uint8Array.of(1))
    const told: boolean[] = []
    identity.on('lock', (isLocked) => void told.push(isLocked))
    identity.lock()
    identity.lock()
    expect(identity.isLocked).toBe(true)
    const { device, keystore } = identity.with(identity.store)
    await expect(device.sign(signatureLabels.card, Uint8Array.of(1))).rejects.toMatchObject(locked)
    expect(() => device.handshake(handshake)).toThrow(expect.objectContaining(locked))
    expect(() => device.secrets()).toThrow(expect.objectContaining(locked))
    await expect(keystore.unseal('x', sealed)).rejects.toMatchObject(locked)
    await expect(keystore.seal('x', Uint8Array.of(1))).rejects.toMatchObject(locked)
    await expect(keystore.get('device')).rejects.toMatchObject(locked)
    await expect(identity.words()).rejects.toMatchObject(locked)
    await expect(identity.withRoot(undefined, async () => 0)).rejects.toMatchObject(locked)
    expect(identity.device.key).toHaveLength(32)

    await identity.unlock(phrase)
    await identity.unlock('it is open')
    expect(identity.isLocked).toBe(false)
    expect(await keystore.unseal('x', sealed)).toEqual(Uint8Array.of(1))
    await device.sign(signatureLabels.card, Uint8Array.of(1))
    await identity.words()
    expect(told).toEqual([true, false])
  })

  it('lends no root that is kept elsewhere', async () => {
    const identity = await opened(options())
    const root = await identity.withRoot(undefined, async (signer) => signer)
    const lent = await opened({ ...options(), root })
    lent.lock()
    await expect(lent.withRoot(undefined, async () => 0)).rejects.toMatchObject(locked)
  })

  it('stays so with another passphrase', async () => {
    const identity = await opened(options())
    identity.lock()
    await expect(identity.unlock('another')).rejects.toMatchObject({ code: 'wrong-passphrase' })
    expect(identity.isLocked).toBe(true)
    await identity.unlock(phrase)
  })

  it('stays so when it is locked again while it is being unlocked, whenever that is', async () => {
    const { store, ...rest } = options()
    let left = Infinity
    const watched: Store = {
      async transaction(...args) {
        const result = await store.transaction(...args)
        if (--left === 0) identity.lock()
        return result
      },
      close: () => store.close(),
    }
    const identity = await opened({ store: watched, ...rest })
    let transactions = 0
    for (let isDone = false; !isDone; transactions++) {
      identity.lock()
      left = transactions + 1
      const outcome = await identity.unlock(phrase).then(
        () => 'unlocked',
        (error: { code: string }) => error.code,
      )
      isDone = left > 0
      left = Infinity
      expect([outcome, identity.isLocked]).toEqual(isDone ? ['unlocked', false] : ['locked', true])
      if (!isDone) expect(() => identity.device.secrets()).toThrow(expect.objectContaining(locked))
    }
    expect(transactions).toBeGreaterThan(3)
    identity.lock()
    await Promise.all([identity.unlock(phrase), identity.unlock(phrase)])
    identity.device.secrets()
  })

  it('stays so when its device can’t be read', async () => {
    const identity = await opened(options())
    identity.lock()
    const { store } = identity
    const key = 'secret/device'
    const remove = (tx: Parameters<Parameters<typeof store.transaction>[2]>[0]) =>
      tx.delete('keys', key)
    await store.transaction(['keys'], { mode: 'write' }, remove)
    await expect(identity.unlock(phrase)).rejects.toMatchObject({ code: 'storage-failed' })
    expect(identity.isLocked).toBe(true)
    expect(() => identity.device.secrets()).toThrow(expect.objectContaining(locked))
  })
})

describe('of several tabs', () => {
  it('one that locks locks all, and each is unlocked by itself', async () => {
    const name = 'locked together'
    const [one, other] = [await opened({ name, passphrase }), await opened({ name, passphrase })]
    const elsewhere: string[] = []
    other.on('unlocked-elsewhere', () => void elsewhere.push('unlocked'))
    one.lock()
    await expect.poll(() => other.isLocked).toBe(true)
    await one.unlock(passphrase)
    await expect.poll(() => elsewhere).toEqual(['unlocked'])
    expect(other.isLocked).toBe(true)
    await other.unlock(passphrase)
    await other.words()
  })

  it('one that removes the root removes it for all', async () => {
    const name = 'removed together'
    const [one, other] = [await opened({ name }), await opened({ name })]
    await one.removeRoot()
    await expect.poll(() => other.hasRoot).toBe(false)
  })

  it('those of another identity hear nothing', async () => {
    const [one, other] = [await opened({ name: 'one' }), await opened({ name: 'other' })]
    const third = await opened({ name: 'one' })
    one.lock()
    await expect.poll(() => third.isLocked).toBe(true)
    expect(other.isLocked).toBe(false)
  })

  it('what another script says of the channel does no harm', async () => {
    const name = 'noise'
    const identity = await opened({ name })
    const script = new BroadcastChannel(`handfast/${name}/keys`)
    for (const word of [null, undefined, {}, 'unlocked', 'changed', ['locked'], 7]) {
      script.postMessage(word)
    }
    script.postMessage('locked')
    await expect.poll(() => identity.isLocked).toBe(true)
    await identity.unlock()
    script.close()
  })
})

describe('events', () => {
  it('from before the first listener are kept for it, the latest sixteen', async () => {
    const identity = await opened({ store: new MemoryStore() })
    for (let n = 0; n < 20; n++) await identity.withRoot(undefined, async () => 0)
    await identity.removeRoot()
    identity.lock()
    await identity.unlock()
    const seen: string[] = []
    identity.on('security', (kind) => void seen.push(kind))
    expect(seen).toHaveLength(16)
    expect(seen.slice(-4)).toEqual(['root-used', 'root-removed', 'locked', 'unlocked'])
    identity.lock()
    expect(seen.at(-1)).toBe('locked')
    identity.on('security', (kind) => void seen.push(`again ${kind}`))
    expect(seen).toHaveLength(17)
  })
})

it('a store that other code opened is no reason not to lock', async () => {
  const store = await IdbStore.open('shared store', systemRuntime)
  const identity = await opened({ store, passphrase })
  identity.lock()
  await identity.unlock(passphrase)
})

it('a certificate that was renewed elsewhere meanwhile is told of when the device can sign again', async () => {
  const store = new MemoryStore()
  const identity = await Identity.open({ store })
  const elsewhere = await Identity.open({ store })
  identity.lock()
  await elsewhere.renewCertificate({ lifetimeMs: 100 * 86_400_000 })
  const signed: Promise<unknown>[] = []
  identity.on('certificate', () => {
    signed.push(identity.device.sign(signatureLabels.card, new Uint8Array(1)))
  })
  await identity.unlock()
  expect(signed).toHaveLength(1)
  await Promise.all(signed)
  expect(identity.chain).toEqual(elsewhere.chain)
})
