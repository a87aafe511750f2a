/** Paths of the built package. `npm run build` makes it; `npm test -- build` does both. */

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

export const root = path('../..')
export const consumer = path('consumer')
export const built = {
  library: path('../../dist/index.js'),
  relay: path('../../dist/relay/index.js'),
  cli: path('../../dist/relay/cli.js'),
  singleFile: path('../../dist/handfast.min.js'),
}

for (const file of Object.values(built)) {
  if (!existsSync(file)) throw new Error(`${file} is missing: npm run build`)
}
