/** The grammar of `docs/protocol.md` is well-formed and says what the library does; its lists are complete. */

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { decode, decodeSequence } from '../../../lib/codec/cbor.ts'
import * as recordKinds from '../../../lib/codec/record-kinds.ts'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import * as derivationLabels from '../../../lib/crypto/derivation-labels.ts'
import { protocolLabel } from '../../../lib/crypto/labels.ts'
import * as packetKinds from '../../../lib/signaling/packet-kinds.ts'
import * as verb from '../../../lib/signaling/relay-verbs.ts'
import { closeCode } from '../../../lib/signaling/relay-protocol.ts'
import { writeSdp } from '../../../lib/transport/sdp.ts'
import { Cddl } from './cddl.ts'

const read = (name: string) =>
  readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8')
const markdown = read('protocol.md')
const blocks = [...markdown.matchAll(/^```cddl\n(.*?)^```$/gms)].map(([, block]) => block!)
const grammar = new Cddl(blocks.join('\n'))
const vectors = JSON.parse(read('protocol-vectors.json')) as {
  [part: string]: { [name: string]: string }
}
const at = (part: string, name: string) => Buffer.from(vectors[part]![name]!, 'hex')
const decoded = (part: string, name: string) => decode(new Uint8Array(at(part, name)))

describe('the grammar describes what the library makes', () => {
  test.each([
    ['certificate', 'alice', 'certificate'],
    ['certificate', 'bob', 'certificate'],
    ['peer-chain', 'unmetDevice', 'peerChain'],
    ['revocation-list', 'unmetDevice', 'revocations'],
    ['ticket', 'ticket', 'bytes'],
    ['address-card', 'card', 'bytes'],
    ['address', 'query', 'addressBytes'],
    ['query-body', 'query', 'question'],
    ['answer-body', 'query', 'answer'],
    ['signed-message', 'signedMessage', 'bytes'],
    ['card', 'card', 'record'],
    ['pact-record', 'pact', 'record'],
    ['description', 'firstContact', 'offer'],
    ['description', 'firstContact', 'answer'],
    ['hello', 'sessionOfBob', 'hello'],
    ['message', 'sessionOfBob', 'message'],
    ['signal', 'introduction', 'subscribe'],
    ['signal', 'introduction', 'unsubscribe'],
    ['signal', 'introduction', 'publish'],
    ['signal', 'introduction', 'deliver'],
    ['message', 'rights', 'message'],
    ['refused', 'rights', 'refused'],
    ['grant', 'rights', 'grant'],
    ['pong', 'sessionOfAlice', 'pong'],
    ['welcome', 'relay', 'welcome'],
    ['subscribe', 'relay', 'subscribe'],
    ['publish', 'relay', 'publish'],
    ['published', 'relay', 'published'],
    ['deliver', 'relay', 'deliver'],
    ['unsubscribe', 'relay', 'unsubscribe'],
  ])('%s: %s.%s', (rule, part, name) => {
    const value = decoded(part, name)
    expect(grammar.matches(rule, value)).toBe(true)
    // And nothing shorter, longer or of another type passes for it.
    const array = value as unknown[]
    expect(grammar.matches(rule, [...array, 0])).toBe(false)
    expect(grammar.matches(rule, array.slice(0, -1))).toBe(false)
    array.forEach((_, index) => {
      expect(grammar.matches(rule, array.with(index, false))).toBe(false)
    })
  })

  test('device chains and peer chains are told apart', () => {
    const chain = decoded('unmetDevice', 'chain') as unknown[]
    const peerChain = decoded('unmetDevice', 'peerChain') as unknown[]
    expect(grammar.matches('chain', chain)).toBe(true)
    expect(grammar.matches('chain', [...chain, chain[1], chain[1]])).toBe(false)
    expect(grammar.matches('chain', peerChain)).toBe(false)
    expect(grammar.matches('peer-chain', chain)).toBe(false)
  })

  test('messages of the relay are told apart by who sends them', () => {
    expect(grammar.matches('relay-client-message', decoded('relay', 'publish'))).toBe(true)
    expect(grammar.matches('relay-message', decoded('relay', 'publish'))).toBe(false)
    expect(grammar.matches('relay-message', decoded('relay', 'deliver'))).toBe(true)
  })

  test('a frame is a sequence of records', () => {
    const plaintext = new Uint8Array(
      Buffer.concat([at('sessionOfBob', 'hello'), at('sessionOfBob', 'message')]),
    )
    const records = decodeSequence(plaintext)
    expect(records.map((record) => grammar.matches('record', record))).toEqual([true, true])
  })
})

describe('the lists are complete', () => {
  test('every kind of record has its rule, under its number', () => {
    const rules = Object.entries(recordKinds).map(([name, kind]) => {
      const rule = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
      return new RegExp(`^${rule} = \\[${kind}, `, 'm')
    })
    for (const rule of rules) expect(markdown).toMatch(rule)
  })

  test('every label', () => {
    for (const label of [
      protocolLabel,
      ...Object.values(signatureLabels),
      ...Object.values(derivationLabels),
    ]) {
      expect(markdown).toContain(`\`${label}\``)
    }
  })

  test('every packet byte, verb and close code', () => {
    for (const kind of Object.values(packetKinds)) {
      expect(markdown).toContain(`\`${kind.toString(16)}\``)
    }
    for (const [name, number] of Object.entries(verb)) {
      expect(markdown).toMatch(new RegExp(`^${name} = \\[${number}, `, 'm'))
    }
    for (const code of Object.values(closeCode)) {
      expect(markdown).toMatch(new RegExp(`^\\| ${code} `, 'm'))
    }
  })

  test('the SDP template', () => {
    const sdp = writeSdp('offer', {
      ufrag: '<ufrag>',
      password: '<password>',
      fingerprint: new Uint8Array(),
      candidates: [],
      maxMessageBytes: 65_535,
    })
    const expected = sdp
      .replaceAll('\r\n', '\n')
      .replace('sha-256 ', 'sha-256 <fingerprint as upper-case hex pairs joined by colons>')
      .replace('actpass', '<actpass or active>')
      .replace('65535', '<max message bytes>')
    expect(markdown).toContain(`\`\`\`text\n${expected}\`\`\``)
  })
})

describe('the reader of grammars', () => {
  test.each([
    ['an unclosed array', 'a = [1, 2'],
    ['a missing comma', 'a = [1 2]'],
    ['a rule that is not there', 'a = b'],
    ['a rule twice', 'a = 1 a = 2'],
    ['a control it does not know', 'a = bstr .bits 3'],
    ['a stray bracket', 'a = 1]'],
  ])('refuses %s', (_, text) => {
    expect(() => new Cddl(text)).toThrow()
  })

  test('counts occurrences and sizes', () => {
    const cddl = new Cddl('a = [1*2 uint, ? tstr] b = bstr .size (1..2) c = bstr .cbor a')
    expect(cddl.matches('a', [1, 2, 'x'])).toBe(true)
    expect(cddl.matches('a', [1])).toBe(true)
    expect(cddl.matches('a', [])).toBe(false)
    expect(cddl.matches('a', [1, 2, 3])).toBe(false)
    expect(cddl.matches('b', new Uint8Array(3))).toBe(false)
    expect(cddl.matches('b', new Uint8Array(2))).toBe(true)
    expect(cddl.matches('c', Uint8Array.of(0x81, 0x01))).toBe(true)
    expect(cddl.matches('c', Uint8Array.of(0x81))).toBe(false)
  })
})
