/** A damaged record costs what it held: it is reported by name and kept, and the rest of the mesh opens. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Identity } from '../../../lib/identity/identity.ts'
import { Mesh } from '../../../lib/mesh/mesh.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import type { Table } from '../../../lib/storage/store.ts'

const reported: unknown[] = []

beforeEach(() => {
  reported.length = 0
  vi.stubGlobal('reportError', (error: unknown) => reported.push(error))
})
afterEach(() => vi.unstubAllGlobals())

async function openWith(table: Table, value: unknown) {
  const store = new MemoryStore()
  await store.transaction([table], { mode: 'write' }, (tx) => tx.put(table, 'damaged', value))
  const mesh = await Mesh.open({ identity: await Identity.open({ store }), signaling: [] })
  await mesh.invite()
  await mesh.close()
  const held = await store.transaction([table], { mode: 'read' }, (tx) => tx.get(table, 'damaged'))
  await store.close()
  return held
}

const garbage = [
  null,
  7,
  'x',
  {},
  { expiresAtMs: NaN },
  { expiresAtMs: null },
  { pactId: new Uint8Array(16), secret: {} },
]

describe.each(garbage)('a record that is %o', (value) => {
  it.each(['contact', 'peer', 'ticket'] as const)(
    'in place of a %s is reported and kept',
    async (what) => {
      expect(await openWith(`${what}s`, value)).toEqual(value)
      expect(reported).toMatchObject([
        { code: 'storage-failed', message: `the ${what} 'damaged' is damaged` },
      ])
    },
  )

  it('in place of a packet answered is forgotten', async () => {
    expect(await openWith('answered', value)).toBeUndefined()
    expect(reported).toEqual([])
  })
})
