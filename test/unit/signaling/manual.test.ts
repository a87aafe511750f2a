import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toBase64url } from '../../../lib/base/bytes.ts'
import { maxPacketBytes } from '../../../lib/base/limits.ts'
import { ManualSignaling } from '../../../lib/signaling/manual.ts'
import { packetFor } from '../../conformance/signaling.ts'

const tag = new Uint8Array(16).fill(5)
const badPacket = expect.objectContaining({ code: 'bad-packet' })

test('a packet becomes a text and the text a packet, white space or not', async () => {
  const [here, there] = [new ManualSignaling(), new ManualSignaling()]
  const texts: string[] = []
  const packets: Uint8Array[] = []
  here.on('outgoing', (text) => texts.push(text))
  there.subscribe(tag, (packet) => packets.push(packet))
  const packet = packetFor(tag, ...Array.from({ length: 100 }, (_, i) => i))
  expect(await here.publish(tag, packet)).toBe(0)
  expect(texts[0]).toMatch(/^hfp1[\w-]+$/)
  expect(there.receive(texts[0]!)).toBe(true)
  const wrapped = texts[0]!.replace(/.{60}/g, '$&\r\n ')
  expect(there.receive(`\n  ${wrapped}\t`)).toBe(true)
  expect(packets).toEqual([packet, packet])
})

test('says when nobody waits for the packet', () => {
  const signaling = new ManualSignaling()
  expect(signaling.receive(`hfp1${toBase64url(packetFor(tag))}`)).toBe(false)
})

test('publish fails when nobody carries the text, or the packet holds another tag', async () => {
  const signaling = new ManualSignaling()
  await expect(signaling.publish(tag, packetFor(tag))).rejects.toMatchObject({
    code: 'signaling-unavailable',
  })
  signaling.on('outgoing', () => {})
  for (const packet of [packetFor(new Uint8Array(16)), new Uint8Array(5), new Uint8Array(0)]) {
    await expect(signaling.publish(tag, packet)).rejects.toMatchObject({ code: 'invalid-argument' })
  }
})

const good = `hfp1${toBase64url(packetFor(tag, 1, 2))}`
test.each([
  ['nothing', ''],
  ['the prefix alone', 'hfp1'],
  ['no prefix', good.slice(4)],
  ['another prefix', `hft1${good.slice(4)}`],
  ['an upper-case prefix', `HFP1${good.slice(4)}`],
  ['padding', `${good}=`],
  ['a foreign letter', `${good.slice(0, -1)}*`],
  ['base64 of the other alphabet', `hfp1${'+/'.repeat(20)}`],
  ['bits beyond the last byte', `hfp1${'A'.repeat(22)}B`],
  ['too short for a tag', `hfp1${toBase64url(new Uint8Array(16))}`],
  ['a packet too large', `hfp1${toBase64url(new Uint8Array(maxPacketBytes + 1))}`],
  ['a very long text', `hfp1${' '.repeat(5_000_000)}`],
])('refuses %s', (_name, text) => {
  const signaling = new ManualSignaling()
  signaling.subscribe(tag, () => expect.unreachable())
  expect(() => signaling.receive(text)).toThrow(badPacket)
  expect(signaling.receive(`hfp1${toBase64url(packetFor(new Uint8Array(16)))}`)).toBe(false)
})

test('any text is delivered, ignored or refused with bad-packet', () => {
  const signaling = new ManualSignaling()
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
      try {
        expect(signaling.receive(`hfp1${text}`)).toBe(false)
      } catch (error) {
        expect(error).toMatchObject({ code: 'bad-packet' })
      }
    }),
  )
})

test('receives nothing once closed', async () => {
  const signaling = new ManualSignaling()
  await signaling.close()
  expect(() => signaling.receive(good)).toThrow(expect.objectContaining({ code: 'closed' }))
})
