/** age with a passphrase that costs nothing to try, for tests of all but that: `vi.mock('age-encryption', () => import('…/quick-age.ts'))`. */

import { vi } from 'vitest'

const age = await vi.importActual<typeof import('age-encryption')>('age-encryption')

export const { armor, Decrypter } = age

export class Encrypter extends age.Encrypter {
  constructor() {
    super()
    this.setScryptWorkFactor(4)
  }
}
