/**
 * Backups: an age file (age-encryption.org/v1) under a passphrase, so that the age tool opens it, too. Inside is readable JSON:
 * `{ "handfast": 1, "words": …, "contacts": … }`, the recovery words, and pacts and contacts as base64url of a snapshot; either may be
 * missing. A file with nothing but the words serves as well. The code of age is loaded when it is first needed.
 */

import { fromBase64url, toBase64url } from '../base/bytes.ts'
import { failAs, HandfastError } from '../base/errors.ts'
import { maxBackupBytes } from '../base/limits.ts'
import { decode } from '../codec/cbor.ts'
import { Fields } from '../codec/fields.ts'
import { passphraseIdentity, passphraseRecipient } from './age-passphrase.ts'

export interface Backup {
  /** None where the root was not at hand. */
  readonly words?: string
  readonly snapshot?: Uint8Array
}

const version = 1
/** Of the head of a snapshot. */
export const snapshotVersion = 1
const armorHeader = '-----BEGIN AGE'

/** The armored text of the file. Takes a second or two, in slices: that is what a passphrase costs to guess. */
export async function writeBackup(
  { words, snapshot }: Backup,
  passphrase: string,
): Promise<string> {
  if (passphrase === '') throw new HandfastError('invalid-argument', 'A backup needs a passphrase')
  const { Encrypter, Stanza, armor } = await import('age-encryption')
  const contacts = snapshot && toBase64url(snapshot)
  const encrypter = new Encrypter()
  encrypter.addRecipient(await passphraseRecipient(passphrase, Stanza))
  const text = `${JSON.stringify({ handfast: version, words, contacts }, undefined, 2)}\n`
  return armor.encode(await encrypter.encrypt(text))
}

/**
 * Opens a file, armored or binary.
 * @throws HandfastError `wrong-passphrase`, `bad-backup`, `too-large`, `unsupported`
 */
export async function readBackup(file: string | Uint8Array, passphrase: string): Promise<Backup> {
  if (file.length > maxBackupBytes) throw new HandfastError('too-large', 'Too large for a backup')
  const { Decrypter, armor } = await import('age-encryption')
  const decrypter = new Decrypter()
  decrypter.addIdentity(await passphraseIdentity(passphrase))
  let text: string
  try {
    const read = typeof file === 'string' ? file : new TextDecoder().decode(file)
    const isArmored = read.trimStart().startsWith(armorHeader)
    const bytes = typeof file === 'string' || isArmored ? armor.decode(read) : file
    text = await decrypter.decrypt(bytes, 'text')
  } catch (cause) {
    // The only word that age has for it.
    const isAnother = String(cause).includes('no identity matched')
    throw isAnother
      ? new HandfastError('wrong-passphrase', 'The passphrase of the backup is another')
      : new HandfastError('bad-backup', 'Not an age file under a passphrase, or damaged')
  }
  return parse(text)
}

/**
 * Whose contacts a snapshot holds: its first item says so. Form: `lib/mesh/snapshot.ts`.
 * @throws HandfastError `bad-backup`
 */
export const keyOfSnapshot = (snapshot: Uint8Array): Uint8Array =>
  failAs('bad-backup', () => {
    const { buffer, byteOffset, length } = snapshot
    const end = 4 + new DataView(buffer, byteOffset, length).getUint32(0)
    const fields = new Fields(decode(snapshot.subarray(4, end)), 2, 'bad-backup')
    fields.constant(snapshotVersion)
    return fields.bytes(32)
  })

function parse(text: string): Backup {
  if (!text.trimStart().startsWith('{')) return { words: text }
  try {
    const { handfast, words, contacts } = JSON.parse(text) as Record<string, unknown>
    if (handfast !== version) throw new HandfastError('bad-backup')
    return {
      ...(words === undefined ? {} : { words: asText(words) }),
      ...(contacts === undefined ? {} : { snapshot: fromBase64url(asText(contacts)) }),
    }
  } catch {
    // Without the cause, which may quote a secret.
    throw new HandfastError('bad-backup', 'The file holds no backup of this library')
  }
}

function asText(value: unknown): string {
  if (typeof value !== 'string') throw new HandfastError('bad-backup')
  return value
}
