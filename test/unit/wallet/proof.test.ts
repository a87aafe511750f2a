/** Entries as signed: what is no proof, then what is. */

import { beforeAll, describe, expect, test } from 'vitest'
import { Identity, MemoryStore } from '../../../lib/index.ts'
import { encodeEntry, type EntryBody } from '../../../demo/wallet/entry.ts'
import { prove, proven } from '../../../demo/wallet/proof.ts'
import { maxSignedEntryBytes } from '../../../demo/wallet/wallet-limits.ts'
import { terms } from './two-people.ts'

let anna: Identity
let ben: Identity
let mallory: Identity
beforeAll(async () => {
  const opened = [1, 2, 3].map(() => Identity.open({ store: new MemoryStore() }))
  ;[anna, ben, mallory] = (await Promise.all(opened)) as [Identity, Identity, Identity]
})

const offer = (from: Identity, to: Identity): EntryBody => ({
  from: from.peer,
  to: to.peer,
  seq: 1,
  previous: null,
  seen: null,
  atMs: 1,
  act: { do: 'offer', answers: null, terms },
})
const purpose = 'handfast-demo/wallet'
/** As Ben reads what came from Anna. */
const refused = (value: unknown, code = 'wrong-party') =>
  expect(prove(value, ben.peer, anna.peer, anna.peer)).rejects.toMatchObject({
    name: 'Refusal',
    code,
  })

describe('no proof is', () => {
  test('what is not bytes, or too many', async () => {
    for (const value of [null, 'entry', {}, [1, 2], new ArrayBuffer(8)]) {
      await refused(value, 'malformed')
    }
    await refused(new Uint8Array(maxSignedEntryBytes + 1), 'malformed')
    await refused(new Uint8Array())
  })

  test('an entry that is cut off, or in which a bit differs', async () => {
    const { stored } = await proven(anna, offer(anna, ben))
    const { signed } = stored
    for (let length = 0; length < signed.length; length += 7) await refused(signed.slice(0, length))
    for (let at = 0; at < signed.length; at += 5) await refused(signed.with(at, signed[at]! ^ 1))
  })

  test('an entry that somebody else has signed, for anybody', async () => {
    const body = offer(anna, ben)
    await refused(await mallory.sign(purpose, encodeEntry(body)))
    await refused((await proven(mallory, offer(mallory, ben))).stored.signed)
    // Anna's signature on what is from Mallory, and on what is for her.
    await refused(await anna.sign(purpose, encodeEntry(offer(mallory, ben))))
    await refused((await proven(anna, offer(anna, mallory))).stored.signed)
    // One's own, given out as hers.
    await refused((await proven(ben, offer(ben, anna))).stored.signed)
  })

  test('what was signed for another purpose, and what is no entry', async () => {
    const message = encodeEntry(offer(anna, ben))
    await refused(await anna.sign('another', message))
    await refused(await anna.sign(purpose, message.slice(1)), 'malformed')
    await refused(await anna.sign(purpose, new Uint8Array()), 'malformed')
  })
})

test('whoever has an entry can show who signed it: the partner, and its signer who has lost it', async () => {
  const { entry, stored } = await proven(anna, offer(anna, ben))
  expect(await prove(stored.signed, ben.peer, anna.peer, anna.peer)).toMatchObject({ entry })
  const own = await prove(stored.signed, anna.peer, ben.peer, anna.peer)
  expect(own).toEqual({ entry, stored })
})
