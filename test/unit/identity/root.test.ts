import { describe, expect, it, vi } from 'vitest'
import { ready } from '../../../lib/crypto/sodium.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import type { RootSource } from '../../../lib/identity/options.ts'
import { writeBackup } from '../../../lib/identity/backup.ts'
import { seedSigner } from '../../../lib/identity/signer.ts'
import { Device } from '../../../lib/identity/device.ts'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'

vi.mock('../../../lib/base/limits.ts', async (original) =>
  (await import('../../support/quick-age.ts')).quickened(await original()),
)

await ready()

const fresh = () => Identity.open({ store: new MemoryStore() })
const otherWords = `${'abandon '.repeat(23)}art`
const keysOf = (store: MemoryStore) =>
  store.transaction(['keys'], { mode: 'read' }, async (tx) =>
    (await tx.list('keys')).map(({ key }) => key),
  )

describe('a root that is removed', () => {
  it('is in no record, and stays away', async () => {
    const store = new MemoryStore()
    const identity = await Identity.open({ store })
    expect(identity.hasRoot).toBe(true)
    await identity.removeRoot()
    await identity.removeRoot()
    expect(identity.hasRoot).toBe(false)
    expect(await keysOf(store)).not.toContain('secret/identity')
    const again = await Identity.open({ store })
    expect(again.hasRoot).toBe(false)
    expect([again.peer, again.device.key, again.chain]).toEqual([
      identity.peer,
      identity.device.key,
      identity.chain,
    ])
    await expect(again.words()).rejects.toMatchObject({ code: 'no-root' })
    await expect(again.withRoot(undefined, async () => 0)).rejects.toMatchObject({
      code: 'no-root',
    })
  })

  it('is missed by all who have the identity open, as soon as they look', async () => {
    const store = new MemoryStore()
    const [one, other] = [await Identity.open({ store }), await Identity.open({ store })]
    const leading = one.with(store)
    await one.removeRoot()
    expect(leading.hasRoot).toBe(false)
    await expect(other.words()).rejects.toMatchObject({ code: 'no-root' })
    expect(other.hasRoot).toBe(false)
  })

  it('can be lent for one task, and is not kept', async () => {
    const store = new MemoryStore()
    const identity = await Identity.open({ store })
    const words = await identity.words()
    const key = await identity.withRoot(undefined, async (root) => root.publicKey)
    expect(key).toEqual(identity.publicKey)
    await identity.removeRoot()
    const backup = await writeBackup({ words }, 'secret')
    const root = await Identity.restore({ store: new MemoryStore(), words }).then((restored) =>
      restored.withRoot(undefined, async (signer) => signer),
    )
    const sources: RootSource[] = [{ words }, { backup, passphrase: 'secret' }, { root }]
    for (const source of sources) {
      expect(await identity.withRoot(source, async ({ publicKey }) => publicKey)).toEqual(key)
      expect(identity.hasRoot).toBe(false)
    }
    expect(await keysOf(store)).not.toContain('secret/identity')
  })

  it('can’t be replaced by that of another', async () => {
    const identity = await fresh()
    for (const source of [{ words: otherWords }, { root: seedSigner(new Uint8Array(32)) }]) {
      await expect(identity.withRoot(source, async () => 0)).rejects.toMatchObject({
        code: 'bad-key',
      })
    }
  })
})

describe('a root that the application keeps', () => {
  const root = seedSigner(new Uint8Array(32).fill(5))

  it('certifies the device and is never stored', async () => {
    const store = new MemoryStore()
    const identity = await Identity.open({ store, root })
    expect(identity.publicKey).toEqual(root.publicKey)
    expect(identity.hasRoot).toBe(true)
    expect(await keysOf(store)).not.toContain('secret/identity')
    await expect(identity.words()).rejects.toMatchObject({ code: 'no-root' })
    expect(await identity.withRoot(undefined, async (lent) => lent)).toBe(root)
    const daily = await Identity.open({ store })
    expect(daily.peer).toBe(identity.peer)
    expect(daily.hasRoot).toBe(false)
  })

  it('is that of this identity', async () => {
    const { store } = await fresh()
    await expect(Identity.open({ store, root })).rejects.toMatchObject({ code: 'bad-key' })
  })
})

describe('an identity restored from words', () => {
  it('is the same under a new device', async () => {
    const identity = await fresh()
    const words = await identity.words()
    expect(words.split(' ')).toHaveLength(24)
    const store = new MemoryStore()
    const restored = await Identity.restore({ store, words: ` ${words.toUpperCase()}\n` })
    expect(restored.peer).toBe(identity.peer)
    expect(restored.device.key).not.toEqual(identity.device.key)
    expect(await restored.words()).toBe(words)
    expect((await Identity.open({ store })).device.key).toEqual(restored.device.key)
  })

  it('leaves the root out where it is not to be kept', async () => {
    const words = await (await fresh()).words()
    const store = new MemoryStore()
    const restored = await Identity.restore({ store, words, keepRoot: false })
    expect(restored.hasRoot).toBe(false)
    expect(await keysOf(store)).not.toContain('secret/identity')
  })

  it.each([
    ['a mistake', { words: `${'abandon '.repeat(23)}zoo` }, 'bad-words'],
    ['nothing', {}, 'no-root'],
    ['no backup', { backup: 'words', backupPassphrase: 'x' }, 'bad-backup'],
  ])('from %s: refused, and nothing is made', async (_, source, code) => {
    const store = new MemoryStore()
    await expect(Identity.restore({ store, ...source })).rejects.toMatchObject({ code })
    expect(await keysOf(store)).toEqual([])
  })

  it('replaces no identity, not even itself', async () => {
    const identity = await fresh()
    const { store, peer } = identity
    for (const words of [otherWords, await identity.words()]) {
      await expect(Identity.restore({ store, words })).rejects.toMatchObject({
        code: 'identity-exists',
      })
    }
    expect((await Identity.open({ store })).peer).toBe(peer)
  })
})

describe('a device that was certified elsewhere', () => {
  it('is installed without the root, where there is no other', async () => {
    const { chain, device, peer } = await fresh()
    const held = { chain, device, snapshot: Uint8Array.of(1, 2) }
    const store = new MemoryStore()
    const installed = await Identity.install(held, { store })
    expect([installed.peer, installed.hasRoot]).toEqual([peer, false])
    expect(await installed.keystore.get('snapshot')).toEqual(Uint8Array.of(1, 2))
    expect((await Identity.open({ store })).device.key).toEqual(device.key)
    await expect(Identity.install(held, { store })).rejects.toMatchObject({
      code: 'identity-exists',
    })
  })

  it('is the one of its certificate', async () => {
    const { chain } = await fresh()
    const held = { chain, device: Device.generate(systemRuntime) }
    const store = new MemoryStore()
    await expect(Identity.install(held, { store })).rejects.toMatchObject({
      code: 'bad-key',
    })
    expect(await keysOf(store)).not.toContain('secret/device')
  })
})

describe('a device whose certificates are gone', () => {
  /** As version 0.1.0 left it: one certificate, under another name. */
  async function without010() {
    const store = new MemoryStore()
    const identity = await Identity.open({ store })
    await identity.keystore.put({ certificate: identity.chain[0]! })
    await identity.keystore.delete('chain')
    return { store, identity }
  }

  it('is certified anew by the root: the same device, for contacts that know it', async () => {
    const { store, identity } = await without010()
    const again = await Identity.open({ store })
    expect([again.peer, again.device.key]).toEqual([identity.peer, identity.device.key])
    expect(await keysOf(store)).not.toContain('secret/certificate')
    expect((await Identity.open({ store })).chain).toEqual(again.chain)
  })

  it('is the same to tabs that begin at once', async () => {
    const { store, identity } = await without010()
    const tabs = await Promise.all([Identity.open({ store }), Identity.open({ store })])
    for (const { device, peer } of tabs) {
      expect([peer, device.key]).toEqual([identity.peer, identity.device.key])
    }
  })

  it('stays where it is when there is no root to do that, until one is lent', async () => {
    const { store, identity } = await without010()
    const root = await identity.withRoot(undefined, async (signer) => signer)
    await identity.removeRoot()
    await expect(Identity.open({ store })).rejects.toMatchObject({ code: 'storage-failed' })
    const again = await Identity.open({ store, root })
    expect(again.device.key).toEqual(identity.device.key)
    expect((await Identity.open({ store })).peer).toBe(identity.peer)
  })
})
