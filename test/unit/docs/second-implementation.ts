/**
 * The handshakes and frames of `docs/protocol.md` once more, written from that document over Node's own cryptography and nothing of the
 * library, to show that the document says enough and the vectors are not merely the library agreeing with itself. It
 * knows the secrets of both sides, so one function plays both.
 */

import {
  createCipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  sign as nodeSign,
} from 'node:crypto'
import sodium from 'libsodium-wrappers'

type Bytes = Uint8Array
export const bytes = (hex: string): Bytes => new Uint8Array(Buffer.from(hex, 'hex'))
export const text = (value: string): Bytes => new Uint8Array(Buffer.from(value, 'utf8'))
export const join = (...parts: Bytes[]): Bytes => new Uint8Array(Buffer.concat(parts))
export const byte = (value: number): Bytes => Uint8Array.of(value)
export const u32be = (value: number): Bytes => bytes(value.toString(16).padStart(8, '0'))
export const u64be = (value: number): Bytes => bytes(value.toString(16).padStart(16, '0'))

// ── CBOR, as much of it as is needed ─────────────────────────────────────────────────────────────────

export type Item = number | string | null | Bytes | Item[]

function head(major: number, n: number): Bytes {
  if (n < 24) return byte(major * 32 + n)
  const [extra, digits] = n < 0x100 ? [24, 2] : n < 0x1_0000 ? [25, 4] : [26, 8]
  return join(byte(major * 32 + extra), bytes(n.toString(16).padStart(digits, '0')))
}

export function cbor(item: Item): Bytes {
  if (item === null) return byte(0xf6)
  if (typeof item === 'number') return head(0, item)
  if (typeof item === 'string') return join(head(3, text(item).length), text(item))
  if (item instanceof Uint8Array) return join(head(2, item.length), item)
  return join(head(4, item.length), ...item.map(cbor))
}

// ── Primitives ───────────────────────────────────────────────────────────────────────────────────────

const hash = (data: Bytes): Bytes => new Uint8Array(createHash('blake2b512').update(data).digest())
const hmac = (key: Bytes, data: Bytes): Bytes =>
  new Uint8Array(createHmac('blake2b512', key).update(data).digest())

/** BLAKE2b of another length, or keyed, is what Node's crypto lacks. */
export const blake2b = (length: number, data: Bytes, key?: Bytes): Bytes =>
  sodium.crypto_generichash(length, data, key ?? null)

/** Private keys in DER (RFC 8410). */
const der = {
  ed25519: '302e020100300506032b657004220420',
  x25519: '302e020100300506032b656e04220420',
}
const privateKey = (kind: keyof typeof der, secret: Bytes) =>
  createPrivateKey({
    key: Buffer.from(join(bytes(der[kind]), secret)),
    format: 'der',
    type: 'pkcs8',
  })

export const publicOf = (kind: keyof typeof der, secret: Bytes): Bytes =>
  new Uint8Array(
    createPublicKey(privateKey(kind, secret)).export({ format: 'der', type: 'spki' }).subarray(-32),
  )

export const sign = (label: string, message: Bytes, seed: Bytes): Bytes =>
  new Uint8Array(nodeSign(null, join(text(label), byte(0), message), privateKey('ed25519', seed)))

const dh = (secret: Bytes, otherSecret: Bytes): Bytes =>
  new Uint8Array(
    diffieHellman({
      privateKey: privateKey('x25519', secret),
      publicKey: createPublicKey(privateKey('x25519', otherSecret)),
    }),
  )

export function seal(key: Bytes, counter: number, ad: Bytes, plaintext: Bytes): Bytes {
  const nonce = join(new Uint8Array(4), u64be(counter).toReversed())
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
  cipher.setAAD(ad, { plaintextLength: plaintext.length })
  return join(cipher.update(plaintext), cipher.final(), cipher.getAuthTag())
}

export function rekey(key: Bytes): Bytes {
  const nonce = join(new Uint8Array(4), new Uint8Array(8).fill(0xff))
  return new Uint8Array(
    createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 }).update(
      new Uint8Array(32),
    ),
  )
}

// ── Noise ────────────────────────────────────────────────────────────────────────────────────────────

/** X25519 secrets of the initiator and the responder. */
export interface Secrets {
  ie: Bytes
  is?: Bytes
  re?: Bytes
  rs: Bytes
}

export class Handshake {
  h: Bytes
  #ck: Bytes
  #key: Bytes | undefined
  #counter = 0
  readonly #secrets: Secrets
  readonly #psk: Bytes | undefined

  constructor(pattern: string, prologue: Bytes, known: Bytes[], secrets: Secrets, psk?: Bytes) {
    this.h = join(text(`Noise_${pattern}_25519_ChaChaPoly_BLAKE2b`), new Uint8Array(64)).slice(
      0,
      64,
    )
    this.#ck = this.h
    this.#secrets = secrets
    this.#psk = psk
    for (const data of [prologue, ...known]) this.#mixHash(data)
  }

  /** One message: its tokens, and the payload for the hash at that point. */
  message(tokens: string, payload: (h: Bytes) => Bytes): Bytes {
    const { ie, is, re, rs } = this.#secrets
    const secretOf: Record<string, Bytes | undefined> = { ie, is, re, rs }
    const sender = tokens.startsWith('e ee') ? 'r' : 'i'
    let message: Bytes = new Uint8Array()
    for (const token of tokens.split(' ')) {
      if (token === 'e') {
        const e = publicOf('x25519', secretOf[`${sender}e`]!)
        message = join(message, e)
        this.#mixHash(e)
        if (this.#psk) this.#mixKey(e)
      } else if (token === 's') {
        message = join(message, this.#seal(publicOf('x25519', secretOf[`${sender}s`]!)))
      } else if (token === 'psk') {
        const [ck, input, key] = hkdf(this.#ck, this.#psk!)
        this.#ck = ck
        this.#mixHash(input)
        this.#use(key)
      } else {
        this.#mixKey(dh(secretOf[`i${token[0]}`]!, secretOf[`r${token[1]}`]!))
      }
    }
    return join(message, this.#seal(payload(this.h)))
  }

  split(): [Bytes, Bytes] {
    const [first, second] = hkdf(this.#ck, new Uint8Array())
    return [first.slice(0, 32), second.slice(0, 32)]
  }

  export(label: string): Bytes {
    return hmac(this.#ck, join(text(label), byte(0), this.h)).slice(0, 32)
  }

  #mixHash(data: Bytes): void {
    this.h = hash(join(this.h, data))
  }

  #mixKey(input: Bytes): void {
    const [ck, key] = hkdf(this.#ck, input)
    this.#ck = ck
    this.#use(key)
  }

  #use(key: Bytes): void {
    this.#key = key.slice(0, 32)
    this.#counter = 0
  }

  #seal(plaintext: Bytes): Bytes {
    const ciphertext = seal(this.#key!, this.#counter++, this.h, plaintext)
    this.#mixHash(ciphertext)
    return ciphertext
  }
}

function hkdf(ck: Bytes, input: Bytes): [Bytes, Bytes, Bytes] {
  const temp = hmac(ck, input)
  const first = hmac(temp, byte(1))
  const second = hmac(temp, join(first, byte(2)))
  return [first, second, hmac(temp, join(second, byte(3)))]
}
