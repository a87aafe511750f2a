import 'fake-indexeddb/auto'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import { labelled, verify } from '../../../lib/crypto/ed25519.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import { Device } from '../../../lib/identity/device.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import {
  generateWebCryptoKeys,
  seedSigner,
  signWith,
  webCryptoSigner,
  type Signer,
} from '../../../lib/identity/signer.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'

const message = Uint8Array.of(1, 2, 3)
const label = signatureLabels.handshake

beforeAll(ready)

const seed = (byte: number) => new Uint8Array(32).fill(byte)

describe('a signer', () => {
  const signers: [string, () => Promise<Signer>][] = [
    ['of libsodium', async () => seedSigner(seed(1))],
    ['of WebCrypto', async () => webCryptoSigner((await generateWebCryptoKeys())!)],
  ]

  it.each(signers)('%s signs under a label', async (_, make) => {
    const signer = await make()
    expect(signer.publicKey).toHaveLength(32)
    const signature = await signWith(signer, label, message)
    expect(verify(label, message, signature, signer.publicKey)).toBe(true)
    expect(verify(signatureLabels.card, message, signature, signer.publicKey)).toBe(false)
  })

  it('of both makes the same signatures as RFC 8032 says: those of one seed are one', async () => {
    // A key of a seed, in the form that WebCrypto imports (RFC 8410).
    const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed(1)])
    const privateKey = await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', false, ['sign'])
    const { publicKey } = seedSigner(seed(1))
    const ours = await seedSigner(seed(1)).sign(message)
    expect(await webCryptoSigner({ publicKey, privateKey }).sign(message)).toEqual(ours)
  })

  it('of WebCrypto gives its key to nobody', async () => {
    const { privateKey } = (await generateWebCryptoKeys())!
    expect(privateKey.extractable).toBe(false)
    for (const format of ['pkcs8', 'jwk', 'raw'] as const) {
      await expect(crypto.subtle.exportKey(format, privateKey)).rejects.toThrow()
    }
  })

  it.each<[string, (signature: Uint8Array) => Uint8Array]>([
    ['of another message', () => new Uint8Array(64)],
    ['that is cut short', (signature) => signature.subarray(0, 63)],
    ['that is too long', (signature) => new Uint8Array([...signature, 0])],
    ['with a bit turned', (signature) => signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte))],
  ])('that gives a signature %s: nothing leaves', async (_, change) => {
    const { publicKey, sign } = seedSigner(seed(1))
    const broken = { publicKey, sign: async (text: Uint8Array) => change(await sign(text)) }
    await expect(signWith(broken, label, message)).rejects.toMatchObject({ code: 'bad-signature' })
    const device = await Device.create(systemRuntime, { signer: broken })
    await expect(device.sign(label, message)).rejects.toMatchObject({ code: 'bad-signature' })
  })

  it('is asked to sign the label and the message, and no more', async () => {
    const asked: Uint8Array[] = []
    const { publicKey, sign } = seedSigner(seed(1))
    const signer = { publicKey, sign: async (text: Uint8Array) => (asked.push(text), sign(text)) }
    await signWith(signer, label, message)
    expect(asked).toEqual([labelled(label, message)])
  })
})

describe('where WebCrypto can’t', () => {
  afterEach(() => vi.restoreAllMocks())

  it.each<[string, () => void]>([
    [
      'make such keys',
      () => {
        const { generateKey } = crypto.subtle
        vi.spyOn(crypto.subtle, 'generateKey').mockImplementation((async (
          algorithm: unknown,
          ...rest: [boolean, KeyUsage[]]
        ) => {
          if (algorithm === 'Ed25519') throw new DOMException('no', 'NotSupportedError')
          return generateKey.call(crypto.subtle, algorithm as AesKeyGenParams, ...rest)
        }) as never)
      },
    ],
    [
      'sign with them',
      () => void vi.spyOn(crypto.subtle, 'sign').mockRejectedValue(new Error('no')),
    ],
    [
      'sign right',
      () => void vi.spyOn(crypto.subtle, 'sign').mockResolvedValue(new ArrayBuffer(64)),
    ],
    [
      'store them',
      () =>
        void vi.spyOn(globalThis, 'structuredClone').mockImplementation(() => {
          throw new DOMException('no', 'DataCloneError')
        }),
    ],
  ])('%s, libsodium signs', async (name, breakIt) => {
    breakIt()
    const device = await Device.create(systemRuntime, { webCrypto: true })
    vi.restoreAllMocks()
    expect(device.secrets().signing, name).toBeInstanceOf(Uint8Array)
    const signature = await device.sign(label, message)
    expect(verify(label, message, signature, device.key)).toBe(true)
  })
})

describe('a device', () => {
  it('is libsodium’s on a store of the application, and WebCrypto’s on its own', async () => {
    const own = await Identity.open({ name: 'of webcrypto' })
    const given = await Identity.open({ store: new MemoryStore() })
    expect(own.device.secrets().signing).toMatchObject({ privateKey: { extractable: false } })
    expect(given.device.secrets().signing).toBeInstanceOf(Uint8Array)
    const again = await Identity.open({ name: 'of webcrypto' })
    expect(again.device.key).toEqual(own.device.key)
    const signature = await again.device.sign(label, message)
    expect(verify(label, message, signature, own.device.key)).toBe(true)
    // What is stored sealed is the box secret alone.
    expect(await own.keystore.get('device')).toEqual(own.device.secrets().box)
    await own.close()
    await again.close()
  })

  it('is libsodium’s, sealed, under a passphrase: what WebCrypto keeps is on the disk as it is', async () => {
    const identity = await Identity.open({ name: 'sealed', passphrase: 'x' })
    expect(identity.device.secrets().signing).toBeInstanceOf(Uint8Array)
    await identity.close()
  })

  it('is the application’s own, again and again', async () => {
    const store = new MemoryStore()
    const deviceSigner = seedSigner(seed(2))
    const identity = await Identity.open({ store, deviceSigner })
    expect(identity.device.key).toEqual(deviceSigner.publicKey)
    expect(await identity.keystore.get('device')).toHaveLength(32)
    const again = await Identity.open({ store, deviceSigner })
    expect(again.peer).toBe(identity.peer)
    again.lock()
    await again.unlock()
    await again.device.sign(label, message)
    // Not without it, and not with another.
    await expect(Identity.open({ store })).rejects.toMatchObject({ code: 'bad-key' })
    const other = { store, deviceSigner: seedSigner(seed(3)) }
    await expect(Identity.open(other)).rejects.toMatchObject({ code: 'bad-key' })
  })
})
