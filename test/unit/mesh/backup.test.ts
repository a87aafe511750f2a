/** A backup of all that an identity has: another browser goes on where the first one was lost. */

import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { readBackup, writeBackup } from '../../../lib/identity/backup.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import { simulatedWrappingKey as wrappingKey } from '../../../lib/sim/wrapping-key.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import { World } from '../../support/memory-peers.ts'
import { TabPeers } from '../../support/tab-peers.ts'

vi.mock('../../../lib/base/limits.ts', async (original) =>
  (await import('../../support/quick-age.ts')).quickened(await original()),
)

const passphrase = 'one of six words'

let world: World
beforeAll(ready)
beforeEach(() => void (world = new World()))
afterEach(() => world.close())

async function linked() {
  const [alice, bob] = [await world.peer(), await world.peer()]
  const toAlice = await bob.mesh.accept(await alice.mesh.invite())
  await alice.mesh.links.get(bob.mesh.peer)!.rename('Bob')
  return { alice, bob, toAlice }
}

describe('a backup', () => {
  test('brings back the identity and whom it knows, on another device', async () => {
    const { alice, bob, toAlice } = await linked()
    const [atBob, atAlice]: [unknown[], unknown[]] = [[], []]
    toAlice.on('message', (message) => void atBob.push(message))
    const backup = await alice.mesh.exportBackup({ passphrase })
    await alice.mesh.close()
    const store = new MemoryStore()
    const identity = await Identity.restore({ store, backup, backupPassphrase: passphrase })
    expect(identity.peer).toBe(alice.mesh.peer)
    const restored = await world.peer({ identity })
    expect([...restored.mesh.links.keys()]).toEqual([bob.mesh.peer])
    expect(restored.mesh.links.get(bob.mesh.peer)!.name).toBe('Bob')
    // Bob has never met this device, and does now.
    const toBob = restored.mesh.links.get(bob.mesh.peer)!
    toBob.on('message', (message) => void atAlice.push(message))
    await Promise.all([toBob.send('from a new phone'), toAlice.send('to it')])
    expect([atBob, atAlice]).toEqual([['from a new phone'], ['to it']])
    // Taken over once, and no copy of the secrets is left waiting.
    expect(await identity.keystore.get('snapshot')).toBeUndefined()
    const log = await alice.mesh.securityLog().catch(() => [])
    expect(log.map(({ kind }) => kind)).not.toContain('backup-restored')
    expect((await restored.mesh.securityLog()).map(({ kind }) => kind)).toContain('backup-restored')
  })

  test('of an only device leads to it: what one learns afterwards, the other knows', async () => {
    const { alice, bob } = await linked()
    const backup = await alice.mesh.exportBackup({ passphrase })
    const store = new MemoryStore()
    const identity = await Identity.restore({ store, backup, backupPassphrase: passphrase })
    const { mesh } = await world.peer({ identity })
    await expect.poll(() => alice.mesh.devices.length).toBe(2)
    await alice.mesh.links.get(bob.mesh.peer)!.rename('Robert')
    const name = () => mesh.links.get(bob.mesh.peer)?.name
    await expect.poll(name).toBe('Robert')
    expect([...mesh.links.keys()]).toEqual([bob.mesh.peer])
  })

  test('is noted', async () => {
    const { alice } = await linked()
    const noted = new Promise((resolve) =>
      alice.mesh.on('security', ({ kind }) => kind === 'backup-made' && resolve(kind)),
    )
    await alice.mesh.exportBackup({ passphrase })
    expect(await noted).toBe('backup-made')
  })

  test('without the root holds the contacts, and needs the words beside it', async () => {
    const { alice, bob } = await linked()
    const words = await alice.identity.words()
    await alice.identity.removeRoot()
    const backup = await alice.mesh.exportBackup({ passphrase })
    expect((await readBackup(backup, passphrase)).words).toBeUndefined()
    const source = { backup, backupPassphrase: passphrase }
    await expect(Identity.restore({ store: new MemoryStore(), ...source })).rejects.toMatchObject({
      code: 'no-root',
    })
    const identity = await Identity.restore({ store: new MemoryStore(), ...source, words })
    const restored = await world.peer({ identity })
    expect([...restored.mesh.links.keys()]).toEqual([bob.mesh.peer])
    // With the words at hand they go in.
    const whole = await alice.mesh.exportBackup({ passphrase, words })
    expect((await readBackup(whole, passphrase)).words).toBe(words)
  })

  test('is refused without a passphrase, with other words, and while locked', async () => {
    const { alice } = await linked()
    const code = (promise: Promise<unknown>) =>
      promise.then(
        () => 'made',
        (error: { code: string }) => error.code,
      )
    expect(await code(alice.mesh.exportBackup({ passphrase: '' }))).toBe('invalid-argument')
    const other = `${'abandon '.repeat(23)}art`
    expect(await code(alice.mesh.exportBackup({ passphrase, words: other }))).toBe('bad-key')
    expect(await code(alice.mesh.exportBackup({ passphrase, words: 'zoo' }))).toBe('bad-words')
    alice.identity.lock()
    expect(await code(alice.mesh.exportBackup({ passphrase }))).toBe('locked')
  })

  test('of another identity brings nobody’s contacts here', async () => {
    const { alice } = await linked()
    const { snapshot } = await readBackup(await alice.mesh.exportBackup({ passphrase }), passphrase)
    const words = await (await Identity.open({ store: new MemoryStore() })).words()
    const mixed = await writeBackup({ words, snapshot: snapshot! }, passphrase)
    const source = { backup: mixed, backupPassphrase: passphrase }
    await expect(Identity.restore({ store: new MemoryStore(), ...source })).rejects.toMatchObject({
      code: 'bad-key',
    })
    // Nor where it got as far as the store.
    const identity = await Identity.open({ store: new MemoryStore() })
    await identity.keystore.put({ snapshot: snapshot! })
    const errors: unknown[] = []
    const report = (error: unknown) => void errors.push(error)
    process.once('unhandledRejection', report)
    const { mesh } = await world.peer({ identity })
    await new Promise((resolve) => setTimeout(resolve, 10))
    process.off('unhandledRejection', report)
    expect(mesh.links.size).toBe(0)
    expect(errors).toMatchObject([{ code: 'bad-backup' }])
  })
})

test('a tab that follows makes the same backup as the one that leads', async () => {
  const peers = new TabPeers()
  try {
    const leading = await peers.tab()
    const bob = await peers.bob(leading.mesh)
    const following = await peers.tab()
    const backup = await peers.passing(following.mesh.exportBackup({ passphrase }), 50)
    const source = { backup, backupPassphrase: passphrase }
    const identity = await Identity.restore({ store: new MemoryStore(), wrappingKey, ...source })
    expect(identity.peer).toBe(leading.mesh.peer)
    const { mesh } = await world.peer({ identity })
    expect([...mesh.links.keys()]).toEqual([bob.mesh.peer])
  } finally {
    await peers.close()
  }
})
