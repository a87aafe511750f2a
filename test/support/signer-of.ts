import { systemRuntime } from '../../lib/base/runtime.ts'
import { signingKeyPairFromSeed, type SigningKeyPair } from '../../lib/crypto/ed25519.ts'
import { seedSigner, type Signer } from '../../lib/identity/signer.ts'

export const newSigningKeys = (): SigningKeyPair =>
  signingKeyPairFromSeed(systemRuntime.randomBytes(32))

/** A signer for a pair whose secret a test has at hand. */
export const signerOf = ({ secretKey }: SigningKeyPair): Signer =>
  seedSigner(secretKey.slice(0, 32))
