/**
 * Signers: what holds an ed25519 secret (RFC 8032) and signs with it, without anybody else getting to see it. WebCrypto keeps its keys so
 * that no script can read them; libsodium signs where it can't; an application may bring a signer of its own, such as a hardware key.
 */

import { HandfastError } from '../base/errors.ts'
import { labelled, signDetached, signingKeyPairFromSeed, verify } from '../crypto/ed25519.ts'
import * as signatureLabels from '../crypto/signature-labels.ts'
import type { SignatureLabel } from '../crypto/labels.ts'

/** Holds an ed25519 secret and signs with it: a hardware key, say, or another process. What it returns is verified before it is used. */
export interface Signer {
  /** ed25519, 32 bytes. */
  readonly publicKey: Uint8Array
  /** Resolves with the 64-byte ed25519 signature (not prehashed) over exactly `message`. */
  sign(message: Uint8Array): Promise<Uint8Array>
}

/** A key pair of WebCrypto's as it is stored: its secret can be used, never read. */
export interface WebCryptoKeys {
  readonly publicKey: Uint8Array
  readonly privateKey: CryptoKey
}

/**
 * Signs `label ‖ 0x00 ‖ message`. What does not verify never leaves: a signer may be another's code.
 * @throws HandfastError `bad-signature`; whatever the signer throws
 */
export async function signWith(
  signer: Signer,
  label: SignatureLabel,
  message: Uint8Array,
): Promise<Uint8Array> {
  const signature = await signer.sign(labelled(label, message))
  if (!verify(label, message, signature, signer.publicKey)) {
    throw new HandfastError('bad-signature', 'The signer gave no signature of its key')
  }
  return signature
}

/** libsodium, with a seed of 32 bytes. */
export function seedSigner(seed: Uint8Array): Signer {
  const { publicKey, secretKey } = signingKeyPairFromSeed(seed)
  return { publicKey, sign: async (message) => signDetached(message, secretKey) }
}

const algorithm = 'Ed25519'

/** A fresh pair that can't be exported; none where the platform has no ed25519, or could not store it. */
export async function generateWebCryptoKeys(): Promise<WebCryptoKeys | undefined> {
  try {
    const { subtle } = crypto
    const pair = await subtle.generateKey(algorithm, false, ['sign', 'verify'])
    const { publicKey, privateKey } = pair as CryptoKeyPair
    const keys = {
      publicKey: new Uint8Array(await subtle.exportKey('raw', publicKey)),
      privateKey: structuredClone(privateKey),
    }
    await signWith(webCryptoSigner(keys), signatureLabels.device, new Uint8Array())
    return keys
  } catch {
    return undefined
  }
}

export const webCryptoSigner = ({ publicKey, privateKey }: WebCryptoKeys): Signer => ({
  publicKey,
  sign: async (message) =>
    new Uint8Array(await crypto.subtle.sign(algorithm, privateKey, new Uint8Array(message))),
})
