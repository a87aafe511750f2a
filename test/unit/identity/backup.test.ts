import { readFileSync } from 'node:fs'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { armor, Encrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import { concat, toBase64url, u32be } from '../../../lib/base/bytes.ts'
import { encode } from '../../../lib/codec/cbor.ts'
import { maxBackupBytes } from '../../../lib/base/limits.ts'
import { readBackup, writeBackup } from '../../../lib/identity/backup.ts'
import { Identity } from '../../../lib/identity/identity.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { ageDecrypt, ageEncrypt, hasAge } from '../../support/age-tool.ts'

const words =
  'panda eyebrow bullet gorilla call smoke muffin taste mesh discover soft ostrich alcohol speed nation flash devote level hobby quick inner drive ghost inside'
const snapshot = Uint8Array.of(1, 2, 255)
const passphrase = 'correct horse, größer 🐎'
const text = (value: string) => new TextEncoder().encode(value)
const vector = (name: string) => readFileSync(new URL(`../../vectors/age/${name}`, import.meta.url))

const backup = JSON.stringify({ handfast: 1, words, contacts: 'AQL_' })

/** The head of one, and nobody in it. */
function snapshotOf(publicKey: Uint8Array): Uint8Array {
  const head = encode([1, publicKey])
  return concat(u32be(head.length), head)
}

/** As `writeBackup`, but quick to guess and to make. */
async function encrypted(plain: string, how: (encrypter: Encrypter) => void = () => {}) {
  const encrypter = new Encrypter()
  how(encrypter)
  encrypter.setScryptWorkFactor(1)
  return encrypter.encrypt(plain)
}
const withPassphrase = (encrypter: Encrypter) => encrypter.setPassphrase(passphrase)

/** A passphrase costs a second or two to try, and more on a busy machine. */
const slow = { timeout: 120_000 }

describe('a backup', slow, () => {
  it('is an armored age file under a passphrase, of the work that the age tool asks for', async () => {
    const file = await writeBackup({ words, snapshot }, passphrase)
    expect(file).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n/)
    const header = new TextDecoder('latin1').decode(armor.decode(file))
    expect(header).toMatch(/^age-encryption.org\/v1\n-> scrypt [\w+/]+ 18\n/)
  })

  it('is opened with its passphrase alone, armored or not', async () => {
    const quick = await encrypted(backup, withPassphrase)
    const armored = armor.encode(quick)
    for (const form of [quick, armored, `\n${armored}\n\n`, text(armored)]) {
      expect(await readBackup(form, passphrase)).toEqual({ words, snapshot })
    }
    for (const wrong of ['another', '']) {
      await expect(readBackup(quick, wrong)).rejects.toMatchObject({ code: 'wrong-passphrase' })
    }
  })

  it('needs a passphrase', async () => {
    await expect(writeBackup({ words }, '')).rejects.toMatchObject({ code: 'invalid-argument' })
  })

  it('may lack the words or the contacts', async () => {
    const read = async (parts: object) =>
      readBackup(
        await encrypted(JSON.stringify({ handfast: 1, ...parts }), withPassphrase),
        passphrase,
      )
    expect(await read({ contacts: 'AQL_' })).toEqual({ snapshot })
    expect(await read({ words })).toEqual({ words })
    expect(await read({})).toEqual({})
  })

  it('brings the identity back', async () => {
    const identity = await Identity.open({ store: new MemoryStore() })
    const snapshot = snapshotOf(identity.publicKey)
    const own = await writeBackup({ words: await identity.words(), snapshot }, passphrase)
    const restored = await Identity.restore({
      store: new MemoryStore(),
      backup: own,
      backupPassphrase: passphrase,
    })
    expect(restored.peer).toBe(identity.peer)
    expect(await restored.keystore.get('snapshot')).toEqual(snapshot)
  })
})

describe('where WebAssembly is blocked', () => {
  afterEach(() => {
    vi.doUnmock('libsodium-wrappers')
    vi.resetModules()
  })

  it('is said to be that, rather than a damaged file', async () => {
    const file = await encrypted(backup, withPassphrase)
    const ready = Promise.reject(new Error('blocked by CSP'))
    ready.catch(() => {})
    vi.doMock('libsodium-wrappers', () => ({ default: { ready } }))
    vi.resetModules()
    const fresh = await import('../../../lib/identity/backup.ts')
    await expect(fresh.readBackup(file, passphrase)).rejects.toMatchObject({ code: 'unsupported' })
    const written = fresh.writeBackup({ words }, passphrase)
    await expect(written).rejects.toMatchObject({ code: 'unsupported' })
  })
})

describe('contacts', () => {
  const restore = async (contacts: Uint8Array) => {
    const store = new MemoryStore()
    const plain = JSON.stringify({ handfast: 1, contacts: toBase64url(contacts) })
    const file = await encrypted(plain, withPassphrase)
    const options = { store, words, backup: file, backupPassphrase: passphrase }
    const outcome = await Identity.restore(options).then(
      () => 'restored',
      (error: { code: string }) => error.code,
    )
    const records = await store.transaction(['keys'], { mode: 'read' }, (tx) => tx.list('keys'))
    expect(records.length > 0).toBe(outcome === 'restored')
    return outcome
  }

  it('come back with the words of the same identity, never with those of another', async () => {
    const { publicKey } = await Identity.restore({ store: new MemoryStore(), words })
    const { publicKey: others } = await Identity.open({ store: new MemoryStore() })
    expect(await restore(snapshotOf(publicKey))).toBe('restored')
    expect(await restore(snapshotOf(others))).toBe('bad-key')
    expect(await restore(snapshotOf(publicKey.slice(1)))).toBe('bad-backup')
    expect(await restore(snapshotOf(publicKey).slice(0, 20))).toBe('bad-backup')
    expect(await restore(new Uint8Array())).toBe('bad-backup')
    expect(await restore(new Uint8Array(8).fill(255))).toBe('bad-backup')
  })
})

describe('a damaged file', () => {
  let file: Uint8Array
  beforeAll(
    async () =>
      void (file = await encrypted(JSON.stringify({ handfast: 1, words }), withPassphrase)),
  )

  it('is refused wherever a bit is turned or it is cut, and then the original is read', async () => {
    for (let at = 0; at < file.length; at += 7) {
      const turned = file.map((byte, i) => (i === at ? byte ^ 1 : byte))
      await expect(readBackup(turned, passphrase)).rejects.toMatchObject({
        code: expect.stringMatching(/^(bad-backup|wrong-passphrase)$/),
      })
      await expect(readBackup(file.slice(0, at), passphrase)).rejects.toMatchObject({
        code: 'bad-backup',
      })
    }
    expect(await readBackup(file, passphrase)).toEqual({ words })
  })

  it.each<[string, () => string | Uint8Array | Promise<Uint8Array>, string]>([
    ['nothing', () => '', 'bad-backup'],
    ['any text', () => 'words', 'bad-backup'],
    ['what is too large', () => new Uint8Array(maxBackupBytes + 1), 'too-large'],
    ['JSON that is none of ours', () => encrypted('{"words":"x"}', withPassphrase), 'bad-backup'],
    ['JSON cut short', () => encrypted(`{"words":"${words}`, withPassphrase), 'bad-backup'],
    [
      'of a later version',
      () => encrypted(JSON.stringify({ handfast: 2, words }), withPassphrase),
      'bad-backup',
    ],
    [
      'words that are no text',
      () => encrypted(JSON.stringify({ handfast: 1, words: [words] }), withPassphrase),
      'bad-backup',
    ],
    [
      'contacts that are no base64url',
      () => encrypted(JSON.stringify({ handfast: 1, contacts: '%' }), withPassphrase),
      'bad-backup',
    ],
  ])('as is %s', async (_, make, code) => {
    const error = await readBackup(await make(), passphrase).then(
      () => undefined,
      (reason: unknown) => reason as Error & { code: string },
    )
    expect(error?.code).toBe(code)
    expect(error?.cause).toBeUndefined()
    expect(error?.message).not.toMatch(/panda|correct horse/)
  })

  it('as is one for keys', async () => {
    const recipient = await identityToRecipient(await generateIdentity())
    const keyed = await encrypted(words, (encrypter) => encrypter.addRecipient(recipient))
    await expect(readBackup(keyed, passphrase)).rejects.toMatchObject({
      code: 'wrong-passphrase',
    })
  })

  it('as is one that would take a minute to open', async () => {
    const header = new TextDecoder('latin1').decode(file).replace(/ 1\n/, ' 22\n')
    const heavy = Uint8Array.from(header, (character) => character.charCodeAt(0))
    await expect(readBackup(heavy, passphrase)).rejects.toMatchObject({ code: 'bad-backup' })
  })
})

it('reads files that the age tool once made', slow, async () => {
  expect((await readBackup(vector('words.txt.age'), 'handfast'))?.words?.trim()).toBe(words)
  expect(await readBackup(vector('backup.json.age'), 'handfast')).toEqual({ words, snapshot })
})

describe.skipIf(!hasAge())('with the age tool of this machine', slow, () => {
  it('what it encrypts is read, armored and binary, whole backups and words alone', async () => {
    const binary = await ageEncrypt(`${words}\n`, passphrase, false)
    expect((await readBackup(binary, passphrase)).words?.trim()).toBe(words)
    const armored = await ageEncrypt(backup, passphrase)
    expect(await readBackup(armored, passphrase)).toEqual({ words, snapshot })
  })

  it('what is written it opens, as JSON to read', async () => {
    const file = await writeBackup({ words, snapshot }, passphrase)
    const opened = await ageDecrypt(file, passphrase)
    expect(JSON.parse(opened)).toEqual({ handfast: 1, words, contacts: 'AQL_' })
    expect(opened).toMatch(/^\{\n {2}"handfast": 1,\n {2}"words": "panda /)
    await expect(ageDecrypt(file, 'another')).rejects.toThrow('age failed')
  })
})
