/** A passphrase that is set, changed and taken away while the identity is open, whatever happens meanwhile. */

import 'fake-indexeddb/auto'
import { describe, expect, it, vi } from 'vitest'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import type { IdentityOptions } from '../../../lib/identity/options.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import type { Store } from '../../../lib/storage/store.ts'
import { FaultyStore, faults } from '../../support/faulty-store.ts'

// The work itself is looked at with the lock.
vi.mock('../../../lib/base/limits.ts', async (original) => ({
  ...(await original<object>()),
  passphraseIterations: 1_000,
}))

const wrong = { code: 'wrong-passphrase' }
const stored = (store: Store) =>
  store.transaction(['keys'], { mode: 'read' }, (tx) => tx.list('keys'))
const wrappingKey = async (store: Store) =>
  (await stored(store)).find(({ key }) => key === 'wrapping-key')!.value as Record<string, unknown>

const withPhrase = (passphrase: string | undefined) =>
  passphrase === undefined ? {} : { passphrase }
const change = (from: string | undefined, to: string | undefined) => ({
  ...(from !== undefined && { from }),
  to: to ?? null,
})

/** Which of these opens it. */
async function opening(store: Store, phrases: readonly (string | undefined)[]) {
  const outcomes = phrases.map(async (phrase) =>
    Identity.open({ store, ...withPhrase(phrase) }).then(
      () => [phrase],
      (error: { code: string }) => {
        expect(error.code).toBe('wrong-passphrase')
        return []
      },
    ),
  )
  return (await Promise.all(outcomes)).flat()
}

const changes = [
  ['set', undefined, 'new'],
  ['changed', 'old', 'new'],
  ['taken away', 'old', undefined],
  ['given once more', 'old', 'old'],
] as const

describe.each(changes)('a passphrase that is %s', (_, from, to) => {
  const phrases = [...new Set([undefined, 'old', 'new', from, to])]

  it('is what opens and unlocks the same secrets from then on, and nothing else does', async () => {
    const store = new MemoryStore()
    const identity = await Identity.open({ store, ...withPhrase(from) })
    const words = await identity.words()
    const before = await stored(store)
    expect(await identity.hasPassphrase()).toBe(from !== undefined)
    await identity.changePassphrase(change(from, to))
    expect(await identity.hasPassphrase()).toBe(to !== undefined)
    expect(await identity.words()).toBe(words)
    expect(await opening(store, phrases)).toEqual([to])
    const again = await Identity.open({ store, ...withPhrase(to) })
    expect([again.peer, await again.words()]).toEqual([identity.peer, words])

    identity.lock()
    expect(await identity.hasPassphrase()).toBe(to !== undefined)
    for (const phrase of phrases) {
      if (phrase !== to) await expect(identity.unlock(phrase)).rejects.toMatchObject(wrong)
    }
    await identity.unlock(to)
    await identity.device.sign(signatureLabels.card, Uint8Array.of(1))

    // Nothing is left of how it was sealed, and nothing else was touched.
    const after = await stored(store)
    const isOther = ({ key }: { key: string }) => key !== 'wrapping-key'
    expect(after.filter(isOther)).toEqual(before.filter(isOther))
    const fields =
      to === undefined ? ['ciphertext', 'iv', 'key'] : ['ciphertext', 'iterations', 'iv', 'salt']
    const record = await wrappingKey(store)
    expect(Object.keys(record).sort()).toEqual(fields)
    const old = before.find(({ key }) => key === 'wrapping-key')!.value as Record<string, unknown>
    for (const field of ['iv', 'ciphertext', 'salt', 'key'])
      if (field in record && field in old) expect(record[field]).not.toEqual(old[field])
  })

  it('is changed by nobody who does not know it, nor to an empty one', async () => {
    const store = new MemoryStore()
    const identity = await Identity.open({ store, ...withPhrase(from) })
    const before = await stored(store)
    for (const phrase of [...phrases, '']) {
      if (phrase === from) continue
      await expect(identity.changePassphrase(change(phrase, to))).rejects.toMatchObject(wrong)
    }
    for (const none of ['', undefined, 1, {}]) {
      const said = { ...change(from, undefined), to: none as string }
      await expect(identity.changePassphrase(said)).rejects.toMatchObject({
        code: 'invalid-argument',
      })
    }
    identity.lock()
    await expect(identity.changePassphrase(change(from, to))).rejects.toMatchObject({
      code: 'locked',
    })
    expect(await stored(store)).toEqual(before)
    const noted: string[] = []
    identity.on('security', (kind) => void noted.push(kind))
    expect(noted).toEqual(['locked'])
    await identity.unlock(from)
    await identity.changePassphrase(change(from, to))
    expect(noted).toEqual(['locked', 'unlocked', 'passphrase-changed'])
  })

  it.each(faults)('is the old or the new one when the disk fails %s the write', async (fault) => {
    const store = new FaultyStore()
    const identity = await Identity.open({ store, ...withPhrase(from) })
    const { writes } = store
    store.fails = fault
    await expect(identity.changePassphrase(change(from, to))).rejects.toThrow(store.error)
    // There is no other moment to crash in.
    expect(store.writes).toBe(writes + 1)
    const disk = (await store.copy()).inner
    const holds = fault === 'after' ? to : from
    expect(await opening(disk, phrases)).toEqual([holds])
    expect((await Identity.open({ store: disk, ...withPhrase(holds) })).peer).toBe(identity.peer)
    // And the identity goes on.
    store.fails = undefined
    await identity.changePassphrase(change(holds, to))
    expect(await opening(store, phrases)).toEqual([to])
  })
})

describe('with other tabs', () => {
  const open = (name: string, options: IdentityOptions = {}) => Identity.open({ name, ...options })

  it('these go on, and are unlocked with the new one', async () => {
    const name = 'changed beside others'
    const [one, other] = [await open(name), await open(name)]
    const words = await one.words()
    await one.changePassphrase({ to: 'new' })
    expect(await other.hasPassphrase()).toBe(true)
    expect([other.isLocked, await other.words()]).toEqual([false, words])
    // What it seals is found by whoever opens it anew.
    await other.keystore.put({ more: Uint8Array.of(7) })
    await other.renewCertificate()
    const third = await open(name, { passphrase: 'new' })
    expect(await third.keystore.get('more')).toEqual(Uint8Array.of(7))
    expect(third.chain).toEqual(other.chain)
    one.lock()
    await expect.poll(() => other.isLocked).toBe(true)
    await expect(other.unlock()).rejects.toMatchObject(wrong)
    await other.unlock('new')
    for (const identity of [one, other, third]) await identity.close()
  })

  it('of two that change it at once one does, and it is told to the other', async () => {
    for (const from of [undefined, 'old']) {
      const store = new MemoryStore()
      const tabs = [
        await Identity.open({ store, ...withPhrase(from) }),
        await Identity.open({ store, ...withPhrase(from) }),
      ]
      const outcomes = await Promise.allSettled(
        tabs.map((tab, at) =>
          tab.changePassphrase({ ...change(from, undefined), to: `new ${at}` }),
        ),
      )
      const winner = outcomes.findIndex(({ status }) => status === 'fulfilled')
      expect(outcomes[1 - winner]).toMatchObject({ status: 'rejected', reason: wrong })
      expect(await opening(store, [undefined, 'old', 'new 0', 'new 1'])).toEqual([`new ${winner}`])
    }
  })
})

describe('of an identity that did not come to be', () => {
  const passphrase = 'of the first try'

  it.each(faults.slice(0, 2))('none is left where the disk fails %s the write', async (fault) => {
    const store = new FaultyStore()
    store.fails = fault
    await expect(Identity.open({ store, passphrase })).rejects.toThrow(store.error)
    expect(await stored(store)).toEqual([])
    store.fails = undefined
    await Identity.open({ store, passphrase: 'another' })
    expect(await opening(store, [undefined, passphrase, 'another'])).toEqual(['another'])
  })

  it.each<[string, (store: Store) => Promise<Identity>]>([
    ['opened', (store) => Identity.open({ store, passphrase, certificateLifetimeMs: 1 })],
    [
      'restored',
      async (store) => {
        const words = await (await Identity.open({ store: new MemoryStore() })).words()
        return Identity.restore({ store, words, passphrase, certificateLifetimeMs: 1 })
      },
    ],
    [
      'installed',
      async (store) => {
        const { device, chain } = await Identity.open({ store: new MemoryStore() })
        return Identity.install({ device, chain: chain.slice(1) }, { store, passphrase })
      },
    ],
  ])('none is left when it is %s and refused', async (_, make) => {
    for (const next of [undefined, 'another']) {
      const store = new MemoryStore()
      await expect(make(store)).rejects.toMatchObject({
        code: expect.stringMatching(/^(invalid-argument|bad-certificate)$/),
      })
      await Identity.open({ store, ...withPhrase(next) })
      expect(await opening(store, [undefined, passphrase, 'another'])).toEqual([next])
    }
  })

  it('one that an earlier version left is in nobody’s way', async () => {
    const [used, store] = [new MemoryStore(), new MemoryStore()]
    await Identity.open({ store: used, passphrase })
    const left = await wrappingKey(used)
    await store.transaction(['keys'], { mode: 'write' }, (tx) =>
      tx.put('keys', 'wrapping-key', left),
    )
    await Identity.open({ store, passphrase: 'another' })
    expect(await opening(store, [undefined, passphrase, 'another'])).toEqual(['another'])
  })

  it('and of several with other passphrases that are made at once, one is, and opens with its own', async () => {
    const store = new MemoryStore()
    const phrases = [undefined, 'one', 'two', 'three']
    const outcomes = await Promise.allSettled(
      phrases.map((phrase) => Identity.open({ store, ...withPhrase(phrase) })),
    )
    const opened = outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' ? [outcome.value] : [],
    )
    expect(opened).toHaveLength(1)
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject(wrong)
    const [phrase] = await opening(store, phrases)
    expect(outcomes[phrases.indexOf(phrase)]).toMatchObject({ status: 'fulfilled' })
    await opened[0]!.words()
  })
})
