/** What the library does is what `docs/protocol-vectors.json` says. After a change of the protocol: `vitest -u`. */

import { expect, test } from 'vitest'
import { makeVectors } from './vectors.ts'

test('the library reproduces the published vectors', { timeout: 20_000 }, async () => {
  const json = `${JSON.stringify(await makeVectors(), null, 2)}\n`
  await expect(json).toMatchFileSnapshot('../../../docs/protocol-vectors.json')
})
