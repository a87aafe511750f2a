import { describe, it } from 'vitest'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { storeChecks } from '../../conformance/store.ts'

describe('MemoryStore', () => {
  it.each(storeChecks)('$name', ({ run }) => run(async () => new MemoryStore()))
})
