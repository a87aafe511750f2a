/** Puts the library's exports on the global object, where `page.evaluate` reaches them. */

import * as handfast from '../../../lib/index.ts'

declare global {
  var handfast: typeof import('../../../lib/index.ts')
}

globalThis.handfast = handfast
