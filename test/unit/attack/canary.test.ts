/**
 * No secret in any error, log, event or printed object, nor in the clear in the store or on the wire. Everything that the peers of this
 * test draw at random in 32 bytes is a secret: seeds, box secrets, ephemerals, ticket keys, pact secrets.
 */

import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { base32nopad } from '@scure/base'
import { systemRuntime, type Runtime } from '../../../lib/base/runtime.ts'
import { decode } from '../../../lib/codec/cbor.ts'
import { readBackup } from '../../../lib/identity/backup.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import type { IdentityOptions } from '../../../lib/identity/options.ts'
import { seedOfWords } from '../../../lib/identity/words.ts'
import { Address, ask, joinIdentity } from '../../../lib/index.ts'
import { Mesh } from '../../../lib/mesh/mesh.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { tables } from '../../../lib/storage/store.ts'
import { Ticket } from '../../../lib/ticket/ticket.ts'
import { MemoryNetwork } from '../../../lib/transport/memory.ts'
import { Canaries } from '../../support/canaries.ts'
import { Switchboard } from '../../support/memory-peers.ts'

vi.mock('../../../lib/base/limits.ts', async (original) =>
  (await import('../../support/quick-age.ts')).quickened(await original()),
)

const passphrase = 'kanarienvogel-im-bergwerk'
const backupPassphrase = 'gelber-vogel-singt-nicht'

/** What peers tell each other. */
const song = 'piep-und-zwitscher'

let canaries: Canaries
/** What was found where. */
let leaks: string[]
let board: Switchboard
let network: MemoryNetwork
let meshes: Mesh[]

const runtime: Runtime = {
  ...systemRuntime,
  randomBytes(length) {
    const bytes = systemRuntime.randomBytes(length)
    if (length === 32) canaries.addBytes(`random ${canaries.size}`, bytes)
    return bytes
  },
}

function look(where: string, value: unknown): void {
  for (const name of canaries.inValue(value)) leaks.push(`${where}: ${name}`)
}

/** Whatever comes of it, looks at it. Returns the error. */
async function trying(what: string, work: () => unknown): Promise<unknown> {
  try {
    look(`result of ${what}`, await work())
    return undefined
  } catch (error) {
    look(`error of ${what}`, error)
    return error
  }
}

function addTicket(ticket: Ticket): void {
  const bytes = base32nopad.decode(ticket.toString().slice(4).toUpperCase())
  const [body] = decode(bytes) as [Uint8Array]
  canaries.addBytes('ticket secret', (decode(body) as Uint8Array[])[3]!)
}

async function addWords(identity: Identity): Promise<string> {
  const words = await identity.words()
  canaries.addText('words', words)
  canaries.addBytes('seed', await seedOfWords(words))
  return words
}

async function open(options: IdentityOptions = {}): Promise<Identity> {
  const identity = await Identity.open({ store: new MemoryStore(), runtime, ...options })
  for (const event of ['security', 'lock', 'certificate', 'unlocked-elsewhere'] as const) {
    identity.on(event, (...args: unknown[]) => look(`event ${event}`, args))
  }
  return identity
}

const meshEvents = [
  'link',
  'forgotten',
  'signaling',
  'clock-skew',
  'security',
  'certificate-expiring',
  'pairings',
  'devices',
  'revoked',
  'trace',
] as const

/** All that developers were shown of what peers do, in the trace and in the debug log. */
let shown: string

async function join(identity: Identity): Promise<Mesh> {
  const mesh = await Mesh.open({
    identity,
    transport: network.transport(),
    signaling: [board.path()],
  })
  for (const event of meshEvents) {
    mesh.on(event, (...args: unknown[]) => look(`event ${event}`, args))
  }
  mesh.on('trace', (event) => void (shown += JSON.stringify(event)))
  mesh.on('link', (link) => {
    for (const event of ['state', 'gap', 'rollback', 'stuck', 'person', 'refused', 'delivered']) {
      link.on(event as 'state', (...args: unknown[]) => look(`link event ${event}`, args))
    }
  })
  meshes.push(mesh)
  return mesh
}

/** Everything in the store and on the wire so far. */
async function lookAtRest(stores: readonly MemoryStore[]): Promise<void> {
  for (const store of stores) {
    for (const table of tables) {
      const records = await store.transaction([table], { mode: 'read' }, (tx) => tx.list(table))
      for (const { key, value } of records) look(`record ${table}/${key}`, value)
    }
  }
  for (const { packet } of board.published) {
    for (const name of canaries.inBytes(packet)) leaks.push(`packet: ${name}`)
  }
}

const consoles = ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir'] as const
const { reportError } = globalThis

beforeEach(() => {
  canaries = new Canaries()
  canaries.addText('passphrase', passphrase)
  canaries.addText('backup passphrase', backupPassphrase)
  leaks = []
  shown = ''
  // The debug log is on.
  vi.stubGlobal('localStorage', { getItem: () => '1' })
  meshes = []
  board = new Switchboard()
  network = new MemoryNetwork({ runtime: systemRuntime })
  for (const name of consoles) {
    vi.spyOn(console, name).mockImplementation((...args: unknown[]) => {
      look(`console.${name}`, args)
      shown += args.join(' ')
    })
  }
  globalThis.reportError = (error) => look('reported error', error)
})

afterEach(async () => {
  for (const mesh of meshes) await mesh.close()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
  globalThis.reportError = reportError
})

describe('this test finds a secret', () => {
  const secret = Uint8Array.from({ length: 32 }, (_, i) => (i * 37 + 11) % 256)
  const buffer = Buffer.from(secret)
  class Holder {
    readonly inner = { secret }
  }
  const words = 'panda eyebrow bullet gorilla call smoke'
  it.each<[string, unknown]>([
    ['as bytes', secret],
    ['as JSON of bytes', JSON.stringify(secret)],
    ['as a list', [...secret]],
    ['in hex', `key ${buffer.toString('hex')}.`],
    ['in base64', buffer.toString('base64')],
    [
      'in base64url, in something larger',
      Buffer.concat([Buffer.alloc(5), buffer]).toString('base64url'),
    ],
    ['in base32, behind a prefix', `hft1${base32nopad.encode(secret).toLowerCase()}`],
    ['by half', `${buffer.subarray(0, 16).toString('hex')}`],
    ['deep in an object', new Holder()],
    ['as the cause of an error', new Error('x', { cause: new Error(buffer.toString('hex')) })],
    ['as a property of an error', Object.assign(new Error('x'), { secret })],
    ['in the text of an error', new Error(`no such word: ${words}`)],
  ])('%s', (_, value) => {
    canaries.addBytes('it', secret)
    canaries.addText('it', words)
    expect(canaries.inValue(value)).toContain('it')
    expect(canaries.inValue(inspect(new Uint8Array(32).fill(7)))).toEqual([])
  })
})

describe('no secret', () => {
  it('shows where everything goes well', async () => {
    const stores = [new MemoryStore(), new MemoryStore()]
    const alice = await open({ store: stores[0]!, passphrase })
    const bob = await open({ store: stores[1]!, certificateLifetimeMs: 61 * 24 * 3600_000 })
    await addWords(alice)
    await addWords(bob)
    const [atAlice, atBob] = [await join(alice), await join(bob)]
    const ticket = await atAlice.invite({ memo: 'hello' })
    addTicket(ticket)
    const pairing = await atAlice.invite({ purpose: 'device' })
    addTicket(pairing)
    const link = await atBob.accept(ticket.toString())
    const back = atAlice.links.get(bob.peer)!
    back.on('message', (message, info) => look('message', [message, info]))
    back.handle('sum', () => 3)
    const delivery = link.send(song, { topic: 'songs' })
    look('delivery', delivery)
    await delivery
    await link.request('sum', [1, song])
    const stream = await link.openStream('none').catch((error: unknown) => error)
    await link.rename('Alice')
    await link.verify(link.safetyNumber)
    await atAlice.answer('price', () => 7)
    const address = await atAlice.address()
    const card = await atAlice.card()
    const objects = {
      alice,
      bob,
      atAlice,
      // Its text is made to be handed on; all else of it is not.
      ticket: Object.assign(ticket, { toString: () => 'text' }),
      link,
      stream,
      address,
      tickets: atAlice.tickets.map((each) => each.toJSON()),
      links: atAlice.links,
      signaling: atAlice.signaling,
      log: await atAlice.securityLog(),
      stats: await atAlice.stats(),
      card,
      device: alice.device,
      keystore: alice.keystore,
      issuer: alice.issuer,
      copy: alice.with(alice.store),
      store: alice.store,
    }
    for (const [name, object] of Object.entries(objects)) look(name, object)
    await trying('the root', () => alice.withRoot(undefined, async (root) => ({ ...root })))
    await bob.renewCertificate()
    alice.lock()
    look('locked', alice)
    await alice.unlock(passphrase)
    const file = await atAlice.exportBackup({ passphrase: backupPassphrase })
    look('backup file', file)
    await bob.removeRoot()
    await atBob.forget(alice.peer)
    await lookAtRest(stores)
    expect(shown).toMatch(/handfast [\d:.]+ message-stored .*"kind":"message-delivered"/s)
    for (const word of [song, 'songs', 'sum', 'none']) expect(shown).not.toContain(word)
    expect(JSON.stringify(objects.stats)).toContain('IKpsk1')
    expect(canaries.size).toBeGreaterThan(20)
    expect(leaks).toEqual([])
  })

  it('shows where devices join and are revoked, and where strangers ask', async () => {
    const stores = [new MemoryStore(), new MemoryStore(), new MemoryStore()]
    const [alice, bob] = [await open({ store: stores[0]! }), await open({ store: stores[1]! })]
    await addWords(alice)
    await addWords(bob)
    const [atAlice, atBob] = [await join(alice), await join(bob)]
    const contact = await atAlice.invite()
    addTicket(contact)
    await atBob.accept(contact)

    const ticket = await atAlice.invite({ purpose: 'device' })
    addTicket(ticket)
    const joining = await joinIdentity(ticket.toString(), {
      store: stores[2]!,
      runtime,
      transport: network.transport(),
      signaling: [board.path()],
      passphrase,
    })
    look('joining', joining)
    await expect.poll(() => atAlice.pairings).toHaveLength(1)
    const [pairing] = atAlice.pairings
    look('pairing', [pairing, pairing!.code, joining.code])
    const [phone] = await Promise.all([joining.confirm(), pairing!.confirm()])
    look('phone', phone)
    const onPhone = await join(phone)
    await expect.poll(() => atAlice.devices).toHaveLength(2)
    look('devices', atAlice.devices)
    look('stats', [await atAlice.stats(), await onPhone.stats()])
    const toAlice = atBob.links.get(alice.peer)!
    for (const mesh of [atAlice, onPhone]) mesh.links.get(bob.peer)!.on('message', () => {})
    await toAlice.send('to whichever')

    await expect.poll(() => onPhone.links.size).toBe(1)
    atAlice.answer('price', () => 7, { perSecond: 10 })
    const address = await atAlice.address()
    expect(await ask(address, 'price', null, { signaling: [board.path()], runtime })).toBe(7)
    await trying('a question that nobody takes', () =>
      ask(address, 'none', null, { signaling: [board.path()], runtime, timeoutMs: 500 }),
    )
    await atAlice.revokeDevice(phone.device.key)
    await expect.poll(() => onPhone.isRevoked).toBe(true)
    await trying('a revoked device', () => onPhone.invite())
    await atBob.cutOff(alice.peer)
    look('log', [await atAlice.securityLog(), await atBob.securityLog()])
    await lookAtRest(stores)
    await phone.close()
    expect(leaks).toEqual([])
  })

  it('shows where things fail', async () => {
    const store = new MemoryStore()
    const identity = await open({ store, passphrase })
    const words = await addWords(identity)
    const mesh = await join(identity)
    const other = await open()
    const otherWords = await addWords(other)
    const away = await join(other)
    const ticket = await mesh.invite()
    addTicket(ticket)
    const forCarol = await away.invite({ for: identity.peer })
    addTicket(forCarol)
    const text = ticket.toString()
    const address = String(await mesh.address())
    const backup = await mesh.exportBackup({ passphrase: backupPassphrase })
    const mixed = words.split(' ').toReversed().join(' ')
    canaries.addText('mixed words', mixed)
    const store2 = () => ({ store: new MemoryStore(), runtime })
    const failing: Record<string, () => unknown> = {
      'another passphrase': () => Identity.open({ store, runtime, passphrase: backupPassphrase }),
      'no passphrase': () => Identity.open({ store, runtime }),
      'words that are mixed': () => Identity.restore({ ...store2(), words: mixed }),
      'words with one too many': () => Identity.restore({ ...store2(), words: `${words} zoo` }),
      'words with one mistyped': () => Identity.restore({ ...store2(), words: `${words}x` }),
      'words over an identity': () => Identity.restore({ store, runtime, passphrase, words }),
      'words of another': () => identity.withRoot({ words: otherWords }, async () => 0),
      'a backup with another passphrase': () =>
        Identity.restore({ ...store2(), backup, backupPassphrase: passphrase }),
      'a backup that is cut': () =>
        Identity.restore({ ...store2(), backup: backup.slice(0, -99), backupPassphrase }),
      'words for a backup': () => readBackup(words, backupPassphrase),
      'a root that fails': () =>
        identity.withRoot(undefined, async () => {
          throw new Error('of the application')
        }),
      'a device signer that lies': () =>
        Identity.open({
          ...store2(),
          deviceSigner: { publicKey: identity.publicKey, sign: async (message) => message },
        }),
      'a ticket of one’s own': () => mesh.accept(text),
      'a ticket that is cut': () => away.accept(text.slice(0, -9)),
      'a ticket with a letter changed': () =>
        away.accept(text.slice(0, 60) + (text[60] === 'a' ? 'b' : 'a') + text.slice(61)),
      'a ticket in the wrong alphabet': () => away.accept(`${text}!`),
      'a link with a ticket that is cut': () =>
        away.accept(`https://wallet.example/?x=${text}#${text.slice(0, 80)}`),
      'a ticket for another': async () => (await join(await open())).accept(forCarol.toString()),
      'a ticket in vain': async () => {
        board.rule = () => []
        await away.accept(text, { timeoutMs: 200 }).finally(() => (board.rule = (one) => [one]))
      },
      'a ticket as an address': () => Address.parse(text),
      'an address as a ticket': () => away.accept(address),
      'a question to a ticket': () => ask(text, 'price', null, { timeoutMs: 100, signaling: [] }),
      'a ticket as a card': () => away.readCard(text),
      'a device with a contact’s ticket': () =>
        joinIdentity(text, { ...store2(), signaling: [board.path()], timeoutMs: 200 } as never),
      'a base for a link that is none': () => ticket.toURL('not a base'),
      'while it is locked': async () => {
        identity.lock()
        try {
          for (const call of [
            () => mesh.invite(),
            () => mesh.accept(forCarol),
            () => identity.words(),
            () => mesh.exportBackup({ passphrase: backupPassphrase }),
            () => identity.withRoot(undefined, async () => 0),
          ]) {
            await trying('a locked identity', call)
          }
          await identity.unlock(backupPassphrase)
        } finally {
          await identity.unlock(passphrase)
        }
      },
    }
    for (const [what, work] of Object.entries(failing)) {
      expect(await trying(what, work), what).toBeInstanceOf(Error)
    }
    await lookAtRest([store])
    expect(leaks).toEqual([])
  })

  it('shows where what is stored is damaged, wherever that is', async () => {
    const store = new MemoryStore()
    const identity = await open({ store })
    const words = await addWords(identity)
    const [mesh, bob] = [await join(identity), await join(await open())]
    addTicket(await mesh.invite())
    const ticket = await mesh.invite()
    addTicket(ticket)
    await bob.accept(ticket)
    await mesh.address()
    await mesh.close()
    const strict = { mode: 'write', durability: 'strict' } as const
    const secrets = { seed: await seedOfWords(words), short: new Uint8Array(3), text: words }
    for (const table of ['keys', 'tickets', 'contacts', 'peers'] as const) {
      const records = await store.transaction([table], { mode: 'read' }, (tx) => tx.list(table))
      expect(records).not.toHaveLength(0)
      for (const { key, value } of records) {
        for (const garbage of [
          null,
          { iv: 1 },
          secrets,
          { ...(value as object), secret: secrets },
        ]) {
          await store.transaction([table], strict, (tx) => tx.put(table, key, garbage))
          await trying(`a damaged record ${table}/${key}`, async () => {
            const again = await open({ store })
            await (await join(again)).close()
          })
        }
        await store.transaction([table], strict, (tx) => tx.put(table, key, value))
      }
    }
    // Sealed as it should be, and no key all the same.
    for (const name of ['identity', 'device', 'chain', 'snapshot']) {
      const kept = await identity.keystore.get(name)
      for (const wrong of [secrets.seed.slice(1), new TextEncoder().encode(words)]) {
        await identity.keystore.put({ [name]: wrong })
        await trying(`a wrong ${name}`, async () => {
          const again = await open({ store })
          await trying('its words', () => again.words().then(() => {}))
          await (await join(again)).close()
        })
      }
      if (kept) await identity.keystore.put({ [name]: kept })
      else await identity.keystore.delete(name)
    }
    expect(leaks).toEqual([])
  })
})
