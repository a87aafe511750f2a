/**
 * How age takes a passphrase (age-encryption.org/v1, "The scrypt recipient type"), a slice at a time: deriving the key takes a second or
 * two, and with age's own code the page would stand still for that long. Between slices it is drawn and heeds its user; timers and messages may
 * have to wait, since browsers put what yields before them. Not in a worker, which a strict CSP and every bundler would have to be told of.
 */

import { base64nopad } from '@scure/base'
import type { Identity, Recipient, Stanza } from 'age-encryption'
import { concat, utf8 } from '../base/bytes.ts'
import { HandfastError } from '../base/errors.ts'
import { backupWorkFactor, maxBackupWorkFactor, scryptSliceMs } from '../base/limits.ts'
import { systemRuntime } from '../base/runtime.ts'
import { openAt, sealAt } from '../crypto/aead.ts'
import { ready } from '../crypto/sodium.ts'

const type = 'scrypt'
const saltBytes = 16

/** Loads what it takes, before age begins: whatever goes wrong from then on is the fault of the file. @throws HandfastError `unsupported` */
async function deriving(
  passphrase: string,
): Promise<(salt: Uint8Array, logN: number) => Promise<Uint8Array>> {
  const { scryptAsync } = await import('@noble/hashes/scrypt.js')
  await ready()
  return (salt, logN) =>
    scryptAsync(utf8(passphrase), concat(utf8('age-encryption.org/v1/scrypt'), salt), {
      N: 2 ** logN,
      r: 8,
      p: 1,
      dkLen: 32,
      asyncTick: scryptSliceMs,
    })
}

/** @param Line age's own class of what a recipient writes. */
export async function passphraseRecipient(
  passphrase: string,
  Line: typeof Stanza,
): Promise<Recipient> {
  const derive = await deriving(passphrase)
  return {
    async wrapFileKey(fileKey) {
      const salt = systemRuntime.randomBytes(saltBytes)
      const key = await derive(salt, backupWorkFactor)
      const args = [type, base64nopad.encode(salt), String(backupWorkFactor)]
      return [new Line(args, sealAt(key, 0, null, fileKey))]
    },
  }
}

export async function passphraseIdentity(passphrase: string): Promise<Identity> {
  const derive = await deriving(passphrase)
  return {
    async unwrapFileKey(stanzas) {
      const stanza = stanzas.find(({ args }) => args[0] === type)
      if (!stanza) return null
      const [, salt = '', work = '', ...more] = stanza.args
      const saltRead = base64nopad.decode(salt)
      const isSound = stanzas.length === 1 && more.length === 0 && saltRead.length === saltBytes
      if (!isSound || !/^[1-9]\d?$/.test(work) || Number(work) > maxBackupWorkFactor) {
        throw new HandfastError('bad-backup')
      }
      const key = await derive(saltRead, Number(work))
      try {
        return openAt(key, 0, null, stanza.body)
      } catch {
        return null
      }
    },
  }
}
