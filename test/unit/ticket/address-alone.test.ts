/** An address is read, and one that is none refused, where no identity was ever opened. */

import { expect, test } from 'vitest'
import { Address } from '../../../lib/index.ts'
import vectors from '../../../docs/protocol-vectors.json' with { type: 'json' }

test('without anything loaded before', async () => {
  const address = await Address.parse(vectors.query.addressText)
  expect([address.peer, address.relays]).toEqual([vectors.alice.peerId, [vectors.query.relay]])
  await expect(Address.parse(`${vectors.query.addressText}a`)).rejects.toMatchObject({
    code: 'bad-address',
  })
})
