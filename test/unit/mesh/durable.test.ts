/** Messages outlive the mesh that took them: whole meshes, opened again on what is in their stores. */

import { afterEach, beforeEach, expect, test } from 'vitest'
import type { MessageInfo } from '../../../lib/link/inbox.ts'
import type { Link } from '../../../lib/link/link.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { tables } from '../../../lib/storage/store.ts'
import { World } from '../../support/memory-peers.ts'

let world: World
beforeEach(() => void (world = new World()))
afterEach(() => world.close())

interface Seen extends MessageInfo {
  readonly message: unknown
}

const nextLink = (mesh: Mesh) => new Promise<Link>((resolve) => mesh.on('link', resolve))

async function linked() {
  const [alice, bob] = [await world.peer(), await world.peer()]
  const theirs = nextLink(alice.mesh)
  const toAlice = await bob.mesh.accept((await alice.mesh.invite()).toString())
  return { alice, bob, toBob: await theirs, toAlice }
}

/** What a crash now would leave. */
async function copyOf(store: MemoryStore): Promise<MemoryStore> {
  const copy = new MemoryStore()
  const found = await store.transaction(tables, { mode: 'read' }, async (tx) => {
    const all = []
    for (const table of tables) all.push({ table, records: await tx.list(table) })
    return all
  })
  await copy.transaction(tables, { mode: 'write' }, async (tx) => {
    for (const { table, records } of found) {
      for (const { key, value } of records) await tx.put(table, key, value)
    }
  })
  return copy
}

/** Resolves when `count` messages have come. */
function listen(link: Link, seen: Seen[], count: number): Promise<void> {
  return new Promise((resolve) => {
    link.on('message', (message, info) => {
      seen.push({ message, ...info })
      if (seen.length === count) resolve()
    })
  })
}

const silent = (promises: Promise<unknown>[]) => {
  for (const promise of promises) promise.catch(() => {})
}

test('a queue of a mesh that is gone is sent by the next, under the ids that were named', async () => {
  const { alice, bob, toBob } = await linked()
  await bob.mesh.close()
  const sends = Array.from({ length: 100 }, (_, n) => toBob.send(n))
  silent(sends)
  const ids = await Promise.all(sends.map(({ stored }) => stored))
  const left = await copyOf(alice.store)
  await alice.mesh.close()

  const again = await world.peer({ store: left })
  const link = again.mesh.links.get(bob.mesh.peer)!
  await new Promise<void>((resolve) => {
    link.on('queued', (count) => count === 100 && resolve())
    if (link.queued === 100) resolve()
  })
  const last = link.send('last')
  const seen: Seen[] = []
  const bobAgain = await world.peer({ store: bob.store })
  await listen(bobAgain.mesh.links.get(alice.mesh.peer)!, seen, 101)
  await last
  expect(seen.map(({ message }) => message)).toEqual([...Array(100).keys(), 'last'])
  expect(seen.map(({ id }) => id)).toEqual([...ids, await last.stored])
  expect(link.queued).toBe(0)
})

test('a crash in the middle of a batch gives it again, marked, with the same ids', async () => {
  const { alice, bob, toBob, toAlice } = await linked()
  const seen: Seen[] = []
  let left: Promise<MemoryStore> | undefined
  const crashed = new Promise<void>((resolve) => {
    toAlice.on('message', (message, info) => {
      seen.push({ message, ...info })
      if (seen.length === 5) left = copyOf(bob.store)
      if (seen.length === 5) resolve()
    })
  })
  const sends = Array.from({ length: 20 }, (_, n) => toBob.send(n))
  silent(sends)
  await crashed
  const store = await left!
  world.network.cut()
  await bob.mesh.close()
  const before = [...seen]

  const again = await world.peer({ store })
  const after: Seen[] = []
  const heard = listen(again.mesh.links.get(alice.mesh.peer)!, after, 20)
  const next = toBob.send('next')
  await heard
  await next
  expect(after.map(({ message }) => message)).toEqual([...Array(20).keys(), 'next'])
  for (const { id, message } of before) {
    expect(after.find((each) => each.message === message)).toEqual({
      id,
      message,
      redelivered: true,
    })
  }
  expect(after.at(-1)).toMatchObject({ redelivered: false })
})

test('with each position committed a crash gives one message again, and no more', async () => {
  const { alice, bob, toBob } = await linked()
  await bob.mesh.close()
  const each = await world.peer({ store: bob.store, receive: { commit: 'each' } })
  const seen: Seen[] = []
  let left: Promise<MemoryStore> | undefined
  const crashed = new Promise<void>((resolve) => {
    each.mesh.links.get(alice.mesh.peer)!.on('message', async (message, info) => {
      seen.push({ message, ...info })
      if (seen.length !== 5) return
      left = copyOf(bob.store)
      await left
      resolve()
      await new Promise(() => {})
    })
  })
  silent(Array.from({ length: 20 }, (_, n) => toBob.send(n)))
  await crashed
  const store = await left!
  world.network.cut()
  await each.mesh.close()
  const again = await world.peer({ store })
  const after: Seen[] = []
  await listen(again.mesh.links.get(alice.mesh.peer)!, after, 16)
  expect(after.map(({ message }) => message)).toEqual([...Array(20).keys()].slice(4))
  expect(after[0]).toEqual({ ...seen[4], redelivered: true })
})

test('a contact that is forgotten and met again begins anew, and its own queue arrives', async () => {
  const { alice, bob, toBob, toAlice } = await linked()
  const first: unknown[] = []
  toAlice.on('message', (message) => void first.push(message))
  const old = await Promise.all(['a', 'b'].map((each) => toBob.send(each).stored))
  await toBob.send('c')
  const lost = toBob.send('lost')
  silent([lost])
  await alice.mesh.forget(bob.mesh.peer)
  await expect(lost).rejects.toMatchObject({ code: 'closed' })
  const waits = toAlice.send('waits')
  silent([waits])
  await waits.stored

  const theirs = nextLink(alice.mesh)
  const accepted = await bob.mesh.accept((await alice.mesh.invite()).toString())
  const link = await theirs
  const seen: Seen[] = []
  await listen(link, seen, 1)
  expect(seen[0]!.message).toBe('waits')
  await waits
  const heard: unknown[] = []
  accepted.on('message', (message) => void heard.push(message))
  const sent = link.send('d')
  await sent
  expect(heard).toEqual(['d'])
  expect(old).not.toContain(await sent.stored)
  const logOf = (id: string) => id.split('.')[0]
  expect(logOf(await sent.stored)).not.toBe(logOf(old[0]!))
})
