import type { SigningKeyPair } from '../../lib/crypto/ed25519.ts'
import { seedSigner, type Signer } from '../../lib/identity/signer.ts'

/** A signer for a pair whose secret a test has at hand. */
export const signerOf = ({ secretKey }: SigningKeyPair): Signer =>
  seedSigner(secretKey.slice(0, 32))
