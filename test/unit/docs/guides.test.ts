/** The guides are followed: their main blocks run as they stand, in memory, and do what the text says. */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { HandfastError } from '../../../lib/base/errors.ts'
import type { Link } from '../../../lib/link/link.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { blocks } from './blocks.ts'
import { blockWith, InMemory, runBlock, type Given } from './running-blocks.ts'

vi.mock('../../../lib/base/limits.ts', async (original) =>
  (await import('../../support/quick-age.ts')).quickened(await original()),
)

let memory: InMemory
let modules: Given
const logged: unknown[][] = []
const console = { log: (...values: unknown[]) => void logged.push(values) }

beforeEach(() => {
  memory = new InMemory()
  modules = { handfast: memory.handfast }
  logged.length = 0
})
afterEach(() => memory.world.close())

const run = (code: string, names: Given = {}) => runBlock(code, modules, { console, ...names })

test('README: the two sides of the ten lines meet', async () => {
  const [invites, accepts] = blocks.filter(
    ({ file, language }) => file === 'README.md' && language === 'ts',
  )
  await run(invites!.code)
  const [href] = logged.splice(0)[0] as [string]
  expect(href).toMatch(/^https:\/\/wallet\.example\/#hft1[a-z2-7]+$/)
  await run(accepts!.code, { location: { href } })
  const [alice, bob] = memory.opened as [Mesh, Mesh]
  const { safetyNumber } = alice.links.get(bob.peer)!
  expect(logged).toEqual([
    [bob.peer, { pay: 5n }],
    [safetyNumber, { amount: 7n }],
  ])
})

describe('getting started', () => {
  const file = 'docs/guides/getting-started.md'

  test('an invitation, as text, link and QR code', async () => {
    const { one } = await memory.pair()
    await run(blockWith(file, 'toQRText'), {
      mesh: one.mesh,
      location: { href: 'https://w.example/' },
    })
    const [[text], [href], [qr]] = logged as [[string], [string], [string]]
    expect(href).toBe(`https://w.example/#${text}`)
    expect(qr).toBe(text.toUpperCase())
    expect(one.mesh.tickets[0]).toMatchObject({ uses: 3, memo: 'From Alice' })
  })

  test('meeting, and not meeting', async () => {
    const [one, other] = [await memory.world.peer(), await memory.world.peer()]
    const { meet } = await run(blockWith(file, 'function meet'))
    const attempt = meet as unknown as (mesh: Mesh, text: string) => Promise<Link | string>
    expect(await attempt(other.mesh, 'nonsense')).toBe('It did not work: bad-ticket.')
    const ticket = String(await one.mesh.invite())
    expect(await attempt(other.mesh, ticket)).toMatchObject({ peer: one.mesh.peer })
    const late = { accept: () => Promise.reject(new HandfastError('timeout')) } as unknown as Mesh
    expect(await attempt(late, ticket)).toMatch(/^No answer/)
  })

  test('a message: stored, handled', async () => {
    const { link, back } = await memory.pair()
    await run(blockWith(file, 'redelivered }'), { link: back })
    await run(blockWith(file, 'delivery.stored'), { link })
    expect(logged).toEqual([[expect.any(String), { pay: 5n, for: 'coffee' }, false]])
  })

  test('a request', async () => {
    const { link, back } = await memory.pair()
    const both = { handle: back.handle.bind(back), request: link.request.bind(link) }
    const block = `${blockWith(file, "request('balance'")}\nexport const answer = () => balance`
    const { answer } = await run(block, { link: both })
    expect(answer!()).toEqual({ amount: 7n })
  })

  test('a file', async () => {
    const { link, back } = await memory.pair()
    const { sendFile, receiveFiles } = await run(blockWith(file, 'sendFile'))
    const received = new Promise<[string, Blob]>((resolve) => {
      receiveFiles!(back as never, ((name: string, blob: Blob) => resolve([name, blob])) as never)
    })
    const sent = new File([new Uint8Array(300_000).fill(7)], 'a.bin')
    await sendFile!(link as never, sent as never)
    const [name, blob] = await received
    expect(name).toBe('a.bin')
    expect(await blob.arrayBuffer()).toEqual(await sent.arrayBuffer())
  })

  test('leaving', async () => {
    const { one } = await memory.pair()
    await run(blockWith(file, 'mesh.close()'), one as never)
    await expect(one.mesh.invite()).rejects.toMatchObject({ code: 'closed' })
  })
})

describe('in a wallet', () => {
  const file = 'docs/guides/add-to-your-wallet.md'

  test('rights: what a ticket grants, and what is taken away', async () => {
    const { one, back, link } = await memory.pair()
    const both = {
      allow: back.allow.bind(back),
      send: link.send.bind(link),
      scopes: 1,
      grantedScopes: 2,
    }
    back.on('message', () => {})
    await run(blockWith(file, 'grantedScopes'), { mesh: one.mesh, link: both })
    expect(back.scopes).toEqual(['message:pay'])
    await expect(link.send('x', { topic: 'other' })).rejects.toMatchObject({ code: 'forbidden' })
  })

  test('a question of a stranger', async () => {
    const block = `${blockWith(file, "'is-known'")}\nexport const answer = () => isKnown`
    const { answer } = await run(block)
    expect(answer!()).toBe(true)
  })

  test('a signature', async () => {
    const { one } = await memory.pair()
    const { sign, signer } = await run(blockWith(file, 'identity.sign'))
    const signed = await sign!(one.identity as never, new Uint8Array([1, 2]) as never)
    expect(await signer!(signed as never)).toBe(`${one.mesh.peer} has signed 2 bytes`)
    ;(signed as Uint8Array)[40]! ^= 1
    await expect(signer!(signed as never)).rejects.toThrow(HandfastError)
  })
})

describe('backups', () => {
  const file = 'docs/guides/backup.md'

  test('one is made, the root removed, and all restored elsewhere', async () => {
    const { one, other } = await memory.pair()
    let saved: Blob | undefined
    const document = { createElement: () => ({ click() {} }) }
    const URL = { createObjectURL: (blob: Blob) => ((saved = blob), 'blob:') }
    await run(blockWith(file, 'exportBackup'), { ...one, document, URL, Blob })
    const { finish } = await run(blockWith(file, 'removeRoot'))
    const words = await one.identity.words()
    await expect(finish!(one.identity as never, 'wrong' as never)).rejects.toThrow()
    await finish!(one.identity as never, words as never)
    expect(one.identity.hasRoot).toBe(false)

    memory.forget()
    const { restore } = await run(blockWith(file, 'Identity.restore'))
    const again = (passphrase: string, text?: string) =>
      saved!.text().then((file) => restore!((text ?? file) as never, passphrase as never))
    const passphrase = 'six words that nobody on earth guesses'
    expect(await again('something else')).toMatch(/not the passphrase/)
    expect(await again(passphrase, 'no file')).toMatch(/bad-backup/)
    expect(await again(passphrase)).toMatchObject({ peer: one.mesh.peer })
    const mesh = await memory.open({ identity: memory.identities[0]! })
    expect([...mesh.links.keys()]).toEqual([other.mesh.peer])
    expect(await again(passphrase)).toMatch(/is an identity here/)
  })

  test('the lock', async () => {
    await run(blockWith(file, 'identity.lock()'))
    expect(memory.identities[0]!.isLocked).toBe(false)
  })
})

describe('devices', () => {
  const file = 'docs/guides/devices.md'

  test('one is let in once both sides agree, and revoked when it is lost', async () => {
    const { one, other } = await memory.pair()
    const { letIn } = await run(blockWith(file, 'function letIn'))
    const { join } = await run(blockWith(file, 'function join'))
    const codes: string[] = []
    const agrees = async (code: string) => codes.push(code) > 0
    const ticket = await letIn!(one.mesh as never, agrees as never)
    const identity = await join!(ticket as never, agrees as never)
    expect(codes).toEqual([expect.stringMatching(/^\d{4} ?\d{4}$/), codes[0]])
    const mesh = await memory.open({ identity: identity as never })
    expect(mesh.peer).toBe(one.mesh.peer)
    expect([...mesh.links.keys()]).toEqual([other.mesh.peer])

    const { revoke } = await run(blockWith(file, 'function revoke'))
    const { key } = one.mesh.devices.find(({ isThis }) => !isThis)!
    await revoke!(one.mesh as never, key as never, (await one.identity.words()) as never)
    expect(one.mesh.devices).toHaveLength(1)
    await expect.poll(() => mesh.isRevoked).toBe(true)
  })

  test('one whose digits differ is turned away', async () => {
    const { one } = await memory.pair()
    const { letIn } = await run(blockWith(file, 'function letIn'))
    const { join } = await run(blockWith(file, 'function join'))
    const ticket = await letIn!(one.mesh as never, (async () => false) as never)
    const joined = join!(ticket as never, (async () => true) as never)
    await expect(joined).rejects.toMatchObject({ code: 'refused' })
  })
})

test('security: what is no payment is let go, and what is one is entered once', async () => {
  const { link, back } = await memory.pair()
  const { receive } = await run(blockWith('docs/guides/security.md', 'isPayment'))
  const entered: bigint[] = []
  receive!(back as never, (async (_: string, amount: bigint) => void entered.push(amount)) as never)
  for (const each of [null, 5n, { pay: 5 }, { pay: -5n }, { pay: 10n ** 30n }, { pay: 5n }]) {
    await link.send(each)
  }
  expect(entered).toEqual([5n])
})

test('delivery: what comes again and is in the books is not entered twice', async () => {
  const { keep } = await run(blockWith('docs/delivery.md', 'interface Books'))
  let handler!: (message: unknown, info: object) => Promise<void>
  keep!(
    { on: (_: string, given: typeof handler) => (handler = given) } as never,
    {
      has: async (id: string) => ids.includes(id),
      enter: async (id: string) => void ids.push(id),
    } as never,
  )
  const ids: string[] = []
  for (const redelivered of [false, true]) await handler('x', { id: '1', redelivered })
  await handler('y', { id: '2', redelivered: true })
  expect(ids).toEqual(['1', '2'])
})

test('developer tools: figures, and why nothing happens', async () => {
  const file = 'docs/guides/developer-tools.md'
  const { one, link, back } = await memory.pair()
  const { whyNothingHappens } = await run(blockWith(file, 'whyNothingHappens'), {
    console: { info: console.log, warn: console.log },
  })
  whyNothingHappens!(one.mesh as never)
  back.on('message', () => {})
  await link.send('x')
  const { show } = await run(blockWith(file, 'mesh.stats()'))
  await show!(one.mesh as never)
  expect(logged[0]).toEqual(['this tab leads', { begun: 0, succeeded: 0 }])
  expect(logged[1]).toEqual([link.peer === one.mesh.peer ? back.peer : link.peer, 'open', '0 wait'])
})

describe('a relay', () => {
  const file = 'docs/guides/run-a-relay.md'
  const anyPort = (code: string) => code.replace(/8080|8787/, '0')

  test('in a server of one’s own', async () => {
    const { createServer } = await import('node:http')
    const relay = await import('../../../lib/relay/index.ts')
    const code = `${anyPort(blockWith(file, 'attachRelay'))}\nexport const parts = () => ({ server, relay })`
    const once = vi.fn()
    const { parts } = await runBlock(
      code,
      { 'node:http': { createServer }, 'handfast/relay': relay },
      { process: { once } },
    )
    const { server } = parts!() as { server: import('node:http').Server }
    expect(once).toHaveBeenCalledWith('SIGTERM', expect.any(Function))
    const closed = new Promise((resolve) => server.once('close', resolve))
    ;(once.mock.calls[0] as [string, () => void])[1]()
    await closed
  })

  test('with limits of one’s own', async () => {
    const relay = await import('../../../lib/relay/index.ts')
    const code = `${anyPort(blockWith(file, 'startRelay'))}\nexport const close = () => relay.close()`
    const { close } = await runBlock(code, { 'handfast/relay': relay }, { console })
    expect(logged).toEqual([[expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+\/$/), 0]])
    await close!()
  })
})
