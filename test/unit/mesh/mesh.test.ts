import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Link } from '../../../lib/link/link.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { World } from '../../support/memory-peers.ts'

let world: World
beforeEach(() => void (world = new World()))
afterEach(() => world.close())

const nextLink = (mesh: Mesh) => new Promise<Link>((resolve) => mesh.on('link', resolve))

async function linked() {
  const [alice, bob] = [await world.peer(), await world.peer()]
  const theirs = nextLink(alice.mesh)
  const ticket = await alice.mesh.invite()
  const toAlice = await bob.mesh.accept(ticket.toString())
  return { alice, bob, toBob: await theirs, toAlice }
}

describe('a first contact', () => {
  test('invite and accept make a link on both sides', async () => {
    const { alice, bob, toAlice, toBob } = await linked()
    expect(toAlice.peer).toBe(alice.mesh.peer)
    expect(toBob.peer).toBe(bob.mesh.peer)
    expect([toAlice.state, toBob.state]).toEqual(['open', 'open'])
    expect(toAlice.safetyNumber).toBe(toBob.safetyNumber)
    expect(toAlice.safetyNumber).toMatch(/^(\d{5} ){11}\d{5}$/)
    expect([...alice.mesh.links.keys()]).toEqual([bob.mesh.peer])
  })

  test('messages, requests and streams pass both ways', async () => {
    const { toAlice, toBob } = await linked()
    const got: unknown[] = []
    toBob.on('message', (message) => void got.push(message))
    await Promise.all([toAlice.send({ pay: 5n }), toAlice.send('two'), toAlice.send([3, null])])
    expect(got).toEqual([{ pay: 5n }, 'two', [3, null]])

    toAlice.handle('balance', async (params) => ({ of: params, is: 7n }))
    expect(await toBob.request('balance', 'me')).toEqual({ of: 'me', is: 7n })
    await expect(toBob.request('nothing')).rejects.toMatchObject({ code: 'no-handler' })

    toBob.on('stream', ({ readable, writable }) => void readable.pipeTo(writable))
    const { readable, writable } = await toAlice.openStream('echo')
    const writer = writable.getWriter()
    const sent = crypto.getRandomValues(new Uint8Array(60_000))
    const writing = (async () => {
      for (let i = 0; i < 50; i++) await writer.write(sent)
      await writer.close()
    })()
    let received = 0
    for await (const chunk of readable) received += chunk.length
    await writing
    expect(received).toBe(50 * 60_000)
  })
})

describe('a known contact', () => {
  test('is found again after a restart, without a ticket', async () => {
    const { alice, bob, toBob } = await linked()
    await bob.mesh.close()
    expect(toBob.state).toBe('idle')
    const again = await world.peer({ store: bob.store })
    const link = again.mesh.links.get(alice.mesh.peer)!
    await link.connect()
    const got: unknown[] = []
    toBob.on('message', (message) => void got.push(message))
    await link.send('again')
    expect(got).toEqual(['again'])
    expect(toBob.state).toBe('open')
  })

  test('gets what was sent while it was away', async () => {
    const { alice, bob, toBob } = await linked()
    await bob.mesh.close()
    const sent = toBob.send('later')
    const again = await world.peer({ store: bob.store })
    const link = again.mesh.links.get(alice.mesh.peer)!
    const messages = link.messages()
    expect((await messages.next()).value).toBe('later')
    await messages.return()
    await sent
  })
})
