import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { toBase64url, utf8 } from '../../../lib/base/bytes.ts'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { Keystore } from '../../../lib/identity/keystore.ts'
import type { Sealed } from '../../../lib/identity/wrapping-key.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'

const secret = utf8('correct horse battery staple')

let store: MemoryStore
let keystore: Keystore
beforeEach(async () => {
  store = new MemoryStore()
  keystore = await Keystore.open(store)
})
afterEach(() => vi.unstubAllGlobals())

const records = () => store.transaction(['keys'], { mode: 'read' }, (tx) => tx.list('keys'))

const recordOf = async (name: string) =>
  (await records()).find(({ key }) => key === `secret/${name}`)!.value as Sealed

const wrappingKey = async <T>() =>
  (await records()).find(({ key }) => key === 'wrapping-key')!.value as T

const overwrite = (name: string, value: unknown) =>
  store.transaction(['keys'], { mode: 'write' }, (tx) => tx.put('keys', `secret/${name}`, value))

const flipped = (bytes: Uint8Array, at: number) =>
  bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))

describe('a secret', () => {
  it('comes back, also from a keystore opened later', async () => {
    await keystore.put({ seed: secret })
    expect(await keystore.get('seed')).toEqual(secret)
    expect(await (await Keystore.open(store)).get('seed')).toEqual(secret)
  })

  it('may be empty, is undefined when never put, and goes when deleted', async () => {
    await keystore.put({ empty: new Uint8Array() })
    expect(await keystore.get('empty')).toEqual(new Uint8Array())
    expect(await keystore.get('never')).toBeUndefined()
    await keystore.delete('empty')
    expect(await keystore.get('empty')).toBeUndefined()
  })

  it('is stored with others or not at all, unless there is one already', async () => {
    const [one, two] = [Uint8Array.of(1), Uint8Array.of(2)]
    expect(await keystore.put({ a: one, b: one }, ['a', 'c'])).toBe(true)
    expect(await keystore.put({ b: two, c: two }, ['c', 'a'])).toBe(false)
    expect(await keystore.get('c')).toBeUndefined()
    expect(await keystore.get('b')).toEqual(one)
    expect(await keystore.put({ b: two, c: two }, ['c'])).toBe(true)
    expect(await keystore.get('b')).toEqual(two)
  })

  it('is overwritten under a fresh IV', async () => {
    await keystore.put({ seed: secret })
    const first = await recordOf('seed')
    await keystore.put({ seed: secret })
    const second = await recordOf('seed')
    expect(second.iv).not.toEqual(first.iv)
    expect(second.ciphertext).not.toEqual(first.ciphertext)
  })

  it('takes its IV from the runtime', async () => {
    const randomBytes = (length: number) => new Uint8Array(length).fill(7)
    const seeded = await Keystore.open(store, { ...systemRuntime, randomBytes })
    await seeded.put({ seed: secret })
    expect((await recordOf('seed')).iv).toEqual(new Uint8Array(12).fill(7))
  })

  it('is a view of a larger buffer: only the view is kept', async () => {
    await keystore.put({ seed: Uint8Array.of(9, 1, 2, 9).subarray(1, 3) })
    expect(await keystore.get('seed')).toEqual(Uint8Array.of(1, 2))
  })

  it('is written to disk before put resolves', async () => {
    const spy = vi.spyOn(store, 'transaction')
    await keystore.put({ seed: secret })
    expect(spy.mock.calls[0]![1]).toEqual({ mode: 'write', durability: 'strict' })
  })
})

describe('what is stored', () => {
  it('never holds the secret', async () => {
    await keystore.put({ seed: secret })
    const { iv, ciphertext } = await recordOf('seed')
    expect([iv.length, ciphertext.length]).toEqual([12, secret.length + 16])
    expect(Buffer.from(ciphertext).includes(Buffer.from(secret))).toBe(false)
    expect(Buffer.from(ciphertext).includes(Buffer.from(secret.subarray(0, 4)))).toBe(false)
  })

  it('is nothing before the first secret, then the wrapping key with it', async () => {
    expect(await records()).toEqual([])
    await keystore.put({ seed: secret })
    expect((await records()).map(({ key }) => key)).toEqual(['secret/seed', 'wrapping-key'])
  })

  it('holds the wrapping key under one that never leaves WebCrypto', async () => {
    await keystore.put({ seed: secret })
    const { key } = await wrappingKey<{ key: CryptoKey }>()
    expect(key).toMatchObject({
      extractable: false,
      algorithm: { name: 'AES-GCM', length: 256 },
      usages: ['encrypt', 'decrypt'],
    })
    await expect(crypto.subtle.exportKey('raw', key)).rejects.toThrow()
  })

  it('binds `handfast/1 key`, a zero byte and the name', async () => {
    await keystore.put({ seed: secret })
    const open = async (key: CryptoKey, name: string, { iv, ciphertext }: Sealed) => {
      const additionalData = Uint8Array.of(...utf8('handfast/1 key'), 0, ...utf8(name))
      return crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData }, key, ciphertext)
    }
    const stored = await wrappingKey<Sealed & { key: CryptoKey }>()
    const raw = await open(stored.key, 'wrapping-key', stored)
    const key = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['decrypt'])
    expect(new Uint8Array(await open(key, 'seed', await recordOf('seed')))).toEqual(secret)
  })
})

describe('a damaged record', () => {
  const damages: [string, (sealed: Sealed) => unknown][] = [
    ['a flipped bit in the ciphertext', (s) => ({ ...s, ciphertext: flipped(s.ciphertext, 3) })],
    ['a flipped bit in the IV', (s) => ({ ...s, iv: flipped(s.iv, 0) })],
    ['truncation', (s) => ({ ...s, ciphertext: s.ciphertext.slice(0, -1) })],
    ['less than a tag', (s) => ({ ...s, ciphertext: s.ciphertext.slice(0, 15) })],
    ['no ciphertext', ({ iv }) => ({ iv })],
    ['no IV', ({ ciphertext }) => ({ ciphertext })],
    ['text in its place', () => 'plaintext'],
    ['null in its place', () => null],
    ['plaintext in its place', () => secret],
  ]
  it.each(damages)('fails: %s', async (_, damage) => {
    await keystore.put({ seed: secret })
    const intact = await recordOf('seed')
    await overwrite('seed', damage(intact))
    await expect(keystore.get('seed')).rejects.toMatchObject({ code: 'storage-failed' })
    await overwrite('seed', intact)
    expect(await keystore.get('seed')).toEqual(secret)
  })

  it('fails when moved to another name', async () => {
    await keystore.put({ seed: secret })
    await overwrite('other', await recordOf('seed'))
    await expect(keystore.get('other')).rejects.toMatchObject({ code: 'storage-failed' })
  })

  it('fails under the key of another keystore', async () => {
    const sealed = await keystore.seal('seed', secret)
    const other = await Keystore.open(new MemoryStore())
    await expect(other.unseal('seed', sealed)).rejects.toMatchObject({ code: 'storage-failed' })
    expect(await keystore.unseal('seed', sealed)).toEqual(secret)
    await expect(keystore.unseal('other', sealed)).rejects.toMatchObject({ code: 'storage-failed' })
  })
})

describe('opening', () => {
  it('is race-free: twenty at once share one key', async () => {
    const shared = new MemoryStore()
    const opened = await Promise.all(Array.from({ length: 20 }, () => Keystore.open(shared)))
    for (const [i, each] of opened.entries()) await each.put({ [i]: secret })
    const last = await Keystore.open(shared)
    for (const i of opened.keys()) expect(await last.get(String(i))).toEqual(secret)
  })

  const generated = (name: string, isExtractable: boolean) =>
    crypto.subtle.generateKey({ name, length: 256 }, isExtractable, ['encrypt', 'decrypt'])
  const sealed = { iv: new Uint8Array(12), ciphertext: new Uint8Array(48) }

  it.each([
    ['something else', async () => 'not a key'],
    ['an extractable key', () => generated('AES-GCM', true)],
    ['a key for something else', () => generated('AES-CBC', false)],
    ['one under nothing', async () => sealed],
    ['one under no key', async () => ({ ...sealed, key: 'a key' })],
    [
      'one under an extractable key',
      async () => ({ ...sealed, key: await generated('AES-GCM', true) }),
    ],
    ['one under another key', async () => ({ ...sealed, key: await generated('AES-GCM', false) })],
    ['one without work', async () => ({ ...sealed, salt: new Uint8Array(16), iterations: 0 })],
  ])('fails on %s in place of the wrapping key, and keeps it', async (_, make) => {
    const value = await make()
    await keystore.put({ seed: secret })
    await store.transaction(['keys'], { mode: 'write' }, (tx) =>
      tx.put('keys', 'wrapping-key', value),
    )
    await expect(Keystore.open(store)).rejects.toMatchObject({ code: 'storage-failed' })
    const kept = (await records()).find(({ key }) => key === 'wrapping-key')!
    expect(kept.value).toEqual(value)
  })

  it('finds what an earlier version has sealed, whose wrapping key was one of WebCrypto’s', async () => {
    const key = await generated('AES-GCM', false)
    const iv = new Uint8Array(12)
    const additionalData = utf8('handfast/1 key\0seed')
    const parameters = { name: 'AES-GCM', iv, additionalData: new Uint8Array(additionalData) }
    const ciphertext = await crypto.subtle.encrypt(parameters, key, new Uint8Array(secret))
    await overwrite('seed', { iv, ciphertext: new Uint8Array(ciphertext) })
    await store.transaction(['keys'], { mode: 'write' }, (tx) =>
      tx.put('keys', 'wrapping-key', key),
    )

    const earlier = await Keystore.open(store)
    expect(await earlier.get('seed')).toEqual(secret)
    await earlier.put({ other: secret })
    expect(await (await Keystore.open(store)).get('other')).toEqual(secret)
    const before = await records()
    await expect(earlier.changePassphrase(undefined, 'x')).rejects.toMatchObject({
      code: 'unsupported',
    })
    expect(await records()).toEqual(before)
    await expect(Keystore.open(store, systemRuntime, { passphrase: 'x' })).rejects.toMatchObject({
      code: 'wrong-passphrase',
    })
  })

  it('is unsupported outside a secure context, and says what is needed', async () => {
    for (const crypto of [undefined, {}]) {
      vi.stubGlobal('crypto', crypto)
      await expect(Keystore.open(store)).rejects.toMatchObject({
        code: 'unsupported',
        message: expect.stringMatching(/secure context.*https/),
      })
    }
  })
})

it('shows no secret in JSON, inspection or errors', async () => {
  await keystore.put({ seed: secret })
  const record = await recordOf('seed')
  await overwrite('seed', { ...record, iv: flipped(record.iv, 0) })
  const error = await keystore.get('seed').catch((thrown: unknown) => thrown)
  const shown = [keystore, error].flatMap((value) => [
    JSON.stringify(value),
    String(value),
    inspect(value, { depth: Infinity, showHidden: true }),
  ])
  for (const form of [new TextDecoder().decode(secret), toBase64url(secret), secret.join(', ')])
    expect(shown.join('\n')).not.toContain(form)
})
