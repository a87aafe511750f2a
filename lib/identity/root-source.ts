/** Roots that are lent for one task. */

import { HandfastError } from '../base/errors.ts'
import { readBackup } from './backup.ts'
import type { RootSource } from './options.ts'
import { seedSigner, type Signer } from './signer.ts'
import { seedOfWords } from './words.ts'

export const noRoot = () => new HandfastError('no-root', 'The root is not kept here')

/** @throws HandfastError `bad-words`, `bad-backup`, `wrong-passphrase`; `no-root` for a backup that was made without it */
export async function rootOf(source: RootSource): Promise<Signer> {
  if ('root' in source) return source.root
  const { words } = 'words' in source ? source : await readBackup(source.backup, source.passphrase)
  if (words === undefined) throw noRoot()
  return seedSigner(await seedOfWords(words))
}
