import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { HandfastError } from '../../../lib/base/errors.ts'
import { maxCandidates, maxFrameBytes, minChannelMessageBytes } from '../../../lib/base/limits.ts'
import { formatAddress, parseAddress } from '../../../lib/transport/address.ts'
import {
  type Candidate,
  decodeCandidates,
  decodeDescription,
  encodeCandidates,
  encodeDescription,
} from '../../../lib/transport/description.ts'
import {
  readCandidate,
  readSdp,
  type Role,
  writeCandidate,
  writeSdp,
} from '../../../lib/transport/sdp.ts'
import samples from '../../vectors/sdp/samples.json' with { type: 'json' }

const candidatesOf = (sdp: string): Candidate[] =>
  sdp
    .split('\r\n')
    .filter((line) => line.startsWith('a=candidate:'))
    .flatMap((line) => readCandidate(line.slice(2)) ?? [])

const compact = (role: Role, sdp: string): unknown[] =>
  encodeDescription({ ...readSdp(role, sdp), candidates: candidatesOf(sdp) })

const good = compact('offer', samples.chromium.offer)

const codeOf = (body: () => unknown): unknown => {
  try {
    body()
    return 'nothing thrown'
  } catch (error) {
    return error instanceof HandfastError ? error.code : error
  }
}

const refused = (body: () => unknown): void => expect(codeOf(body)).toBe('bad-description')

describe.each(Object.entries(samples))('descriptions of %s', (_, sample) => {
  test.each(['offer', 'answer'] as const)('%s survives the way to the peer', (role) => {
    const sdp = sample[role]
    const value = compact(role, sdp)
    const description = decodeDescription(structuredClone(value))
    expect(encodeDescription(description)).toEqual(value)
    const rebuilt = writeSdp(role, description)
    for (const attribute of ['ice-ufrag', 'ice-pwd', 'fingerprint', 'setup', 'mid', 'sctp-port']) {
      const line = sdp.split('\r\n').find((l) => l.startsWith(`a=${attribute}:`))
      expect(rebuilt.split('\r\n')).toContain(line)
    }
    expect(rebuilt).toContain(`a=max-message-size:${maxFrameBytes}\r\n`)
    expect(readSdp(role, rebuilt)).toEqual({ ...description, candidates: [] })
  })

  test('keeps the UDP candidates, and they read the same when written again', () => {
    const candidates = candidatesOf(sample.offer)
    expect(candidates).toHaveLength(2)
    for (const candidate of candidates) {
      expect(candidate.address).toMatch(/^[0-9a-f-]{36}\.local$/)
      expect(readCandidate(writeCandidate(candidate).candidate!)).toEqual(candidate)
    }
    expect(decodeCandidates(encodeCandidates(candidates))).toEqual(candidates)
  })
})

describe('the browser’s own SDP', () => {
  const offer = samples.chromium.offer
  const without = (name: string) => offer.replace(new RegExp(`a=${name}:.*\r\n`), '')

  test.each(['ice-ufrag', 'ice-pwd', 'fingerprint', 'setup', 'mid'])('needs %s', (name) => {
    refused(() => readSdp('offer', without(name)))
  })

  test('must be of the role expected', () => {
    refused(() => readSdp('answer', offer))
    refused(() => readSdp('offer', samples.chromium.answer))
  })

  test.each([
    ['two media sections', (s: string) => `${s}m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n`],
    ['no media section', (s: string) => s.replace(/m=.*\r\n/, '')],
    ['two passwords', (s: string) => `${s}a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa\r\n`],
    ['a weaker hash', (s: string) => s.replace('sha-256', 'sha-1')],
    ['a short fingerprint', (s: string) => s.replace(/(fingerprint:.*):..\r\n/, '$1\r\n')],
    ['another mid', (s: string) => s.replace('mid:0', 'mid:1')],
    ['a size that is no number', (s: string) => s.replace('size:262144', 'size:big')],
    ['a tiny size', (s: string) => s.replace('size:262144', 'size:100')],
    ['nothing', () => ''],
  ])('is refused with %s', (_, change) => {
    const changed = change(offer)
    expect(changed).not.toBe(offer)
    refused(() => readSdp('offer', changed))
  })

  test('a size of zero is any, and a missing one 64 KiB', () => {
    for (const sdp of [offer.replace('size:262144', 'size:0'), without('max-message-size')]) {
      expect(readSdp('offer', sdp).maxMessageBytes).toBe(maxFrameBytes)
    }
    const small = readSdp('offer', offer.replace('size:262144', 'size:16384'))
    expect(small.maxMessageBytes).toBe(16_384)
  })

  test.each([
    ['TCP', 'candidate:2 1 TCP 2105458943 192.0.2.1 9 typ host tcptype active'],
    ['RTCP', 'candidate:1 2 udp 2113937151 192.0.2.1 54577 typ host'],
    ['peer-reflexive', 'candidate:1 1 udp 2113937151 192.0.2.1 54577 typ prflx'],
    ['zoned', 'candidate:1 1 udp 2113937151 fe80::1%eth0 54577 typ host'],
    ['named', 'candidate:1 1 udp 2113937151 host.example 54577 typ host'],
    ['end-of-candidates', ''],
  ])('a candidate is not told when it is %s', (_, text) => {
    expect(readCandidate(text)).toBeUndefined()
  })

  test('a candidate never tells its related address', () => {
    const text =
      'candidate:842163049 1 udp 1677729535 198.51.100.7 40001 typ srflx raddr 10.1.2.3 rport 40000'
    const candidate = readCandidate(`${text} generation 0 ufrag dbdF network-cost 999`)!
    expect(candidate).toEqual({
      type: 'srflx',
      address: '198.51.100.7',
      port: 40_001,
      priority: 1_677_729_535,
    })
    expect(writeCandidate(candidate).candidate).toBe(
      'candidate:2 1 udp 1677729535 198.51.100.7 40001 typ srflx raddr 0.0.0.0 rport 0',
    )
  })
})

describe('a description from the other side', () => {
  const [ufrag, password, fingerprint, , size] = good as [
    string,
    string,
    Uint8Array,
    unknown,
    number,
  ]
  const local = '6855da1c-c5a4-40f7-b53e-03d93be516bc.local'
  const candidate: unknown[] = [0, local, 54_577, 2_113_937_151]

  test('is taken at the edges of what is allowed', () => {
    const ip6 = new Uint8Array([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    const value = [
      'a+/9',
      'p'.repeat(256),
      fingerprint,
      [
        [0, new Uint8Array([192, 0, 2, 1]), 1, 1],
        [1, ip6, 65_535, 2 ** 31 - 1],
        [2, 'X.LOCAL', 9, 9],
      ],
      minChannelMessageBytes,
    ]
    const { candidates } = decodeDescription(value)
    expect(candidates.map(({ address }) => address)).toEqual([
      '192.0.2.1',
      '2001:db8:0:0:0:0:0:1',
      'x.local',
    ])
    decodeDescription(good.with(0, 'u'.repeat(256)).with(1, 'p'.repeat(22)).with(4, maxFrameBytes))
    decodeCandidates(Array(maxCandidates).fill(candidate))
  })

  const injected = 'abcd\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host'
  test.each([
    ['a short ufrag', good.with(0, 'abc')],
    ['a long ufrag', good.with(0, 'a'.repeat(257))],
    ['a ufrag with other characters', good.with(0, 'abc=')],
    ['a ufrag with a line of its own', good.with(0, injected)],
    ['a ufrag with a line end', good.with(0, `${ufrag}\n`)],
    ['a ufrag of bytes', good.with(0, new Uint8Array(8))],
    ['a short password', good.with(1, 'p'.repeat(21))],
    ['a long password', good.with(1, 'p'.repeat(257))],
    ['a password with a space', good.with(1, `${password} `)],
    ['a short fingerprint', good.with(2, fingerprint.subarray(1))],
    ['a long fingerprint', good.with(2, new Uint8Array(33))],
    ['a fingerprint in text', good.with(2, '0'.repeat(32))],
    ['a fingerprint in an array', good.with(2, Array(32).fill(0))],
    ['a wider fingerprint', good.with(2, new Uint16Array(32))],
    ['too small a size', good.with(4, minChannelMessageBytes - 1)],
    ['too large a size', good.with(4, maxFrameBytes + 1)],
    ['a size that is a big integer', good.with(4, BigInt(size))],
    ['a part too many', [...good, 0]],
    ['a part too few', good.slice(0, 4)],
    ['a hole', [ufrag, password, fingerprint, , size]],
  ])('is refused with %s', (_, value) => {
    refused(() => decodeDescription(value))
  })

  test.each([
    ['too many', Array(maxCandidates + 1).fill(candidate)],
    ['a hole', [candidate, , candidate]],
    ['an unknown type', [candidate.with(0, 3)]],
    ['a type in text', [candidate.with(0, 'host')]],
    ['a type of the prototype', [candidate.with(0, 'length')]],
    ['port 0', [candidate.with(2, 0)]],
    ['port 65536', [candidate.with(2, 65_536)]],
    ['a fractional port', [candidate.with(2, 80.5)]],
    ['priority 0', [candidate.with(3, 0)]],
    ['priority 2^31', [candidate.with(3, 2 ** 31)]],
    ['five bytes of address', [candidate.with(1, new Uint8Array(5))]],
    ['no bytes of address', [candidate.with(1, new Uint8Array(0))]],
    ['an IPv4 address in text', [candidate.with(1, '192.0.2.1')]],
    ['an IPv4 address mapped into IPv6', [candidate.with(1, mapped(10, 0, 0, 1))]],
    ['a name elsewhere', [candidate.with(1, 'evil.example')]],
    ['a name below a name', [candidate.with(1, 'a.b.local')]],
    ['a bare suffix', [candidate.with(1, '.local')]],
    ['a name with a space', [candidate.with(1, 'a b.local')]],
    ['a name with a line end', [candidate.with(1, 'a.local\r\n')]],
    ['a name that is too long', [candidate.with(1, `${'a'.repeat(64)}.local`)]],
    ['a part too many', [[...candidate, 'raddr']]],
    ['no array', ['candidate']],
  ])('is refused with candidates: %s', (_, candidates) => {
    refused(() => decodeCandidates(candidates))
    refused(() => decodeDescription(good.with(3, candidates)))
  })

  test('whatever it is, it is taken or refused, and what is taken makes clean SDP', () => {
    const anything = fc.anything({ withTypedArray: true, withSparseArray: true, withBigInt: true })
    const text = fc.oneof(
      fc.constant(ufrag),
      fc.constant(password),
      fc.constant(local),
      fc.string(),
    )
    const part = fc.oneof(text, fc.uint8Array({ maxLength: 33 }), fc.integer(), anything)
    const anyCandidate = fc.oneof(
      fc.tuple(
        fc.integer({ min: -1, max: 3 }),
        fc.oneof(text, fc.uint8Array({ minLength: 4, maxLength: 4 }), part),
        fc.integer({ min: 0, max: 65_536 }),
        fc.integer(),
      ),
      part,
    )
    const value = fc.oneof(
      fc.tuple(part, part, part, fc.array(anyCandidate), part),
      fc.tuple(
        fc.constant(ufrag),
        fc.constant(password),
        fc.constant(fingerprint),
        fc.array(anyCandidate, { maxLength: 3 }),
        fc.constant(size),
      ),
      fc.tuple(fc.nat(4), part).map(([i, changed]) => good.with(i, changed)),
      anything,
    )
    let taken = 0
    fc.assert(
      fc.property(value, (input) => {
        let description
        try {
          description = decodeDescription(input)
        } catch (error) {
          expect(error).toMatchObject({ name: 'HandfastError', code: 'bad-description' })
          return
        }
        taken++
        expect(writeSdp('offer', description).split('\r\n')).toHaveLength(16)
        for (const { candidate: line } of description.candidates.map(writeCandidate)) {
          expect(line).toMatch(
            /^candidate:[123] 1 udp \d+ [\w.:-]+ \d+ typ \w+(?: raddr [\d.:]+ rport 0)?$/,
          )
        }
      }),
      { numRuns: 3_000 },
    )
    expect(taken).toBeGreaterThan(20)
  })

  test('a changed byte in the browser’s SDP is read or refused, never worse', () => {
    const sdp = samples.firefox.offer
    fc.assert(
      fc.property(fc.nat(sdp.length - 1), fc.string({ maxLength: 3 }), (at, put) => {
        const code = codeOf(() => readSdp('offer', sdp.slice(0, at) + put + sdp.slice(at + 1)))
        expect(['bad-description', 'nothing thrown']).toContain(code)
      }),
      { numRuns: 2_000 },
    )
    fc.assert(fc.property(fc.string(), (s) => void readCandidate(`candidate:${s}`)))
  })
})

describe('addresses', () => {
  test.each([
    ['192.0.2.255', '192.0.2.255'],
    ['::', '0:0:0:0:0:0:0:0'],
    ['::1', '0:0:0:0:0:0:0:1'],
    ['2001:DB8::', '2001:db8:0:0:0:0:0:0'],
    ['fd00::2:3', 'fd00:0:0:0:0:0:2:3'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ])('%s reads as %s', (text, full) => {
    expect(formatAddress(parseAddress(text)!)).toBe(full)
  })

  test.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4 ',
    '0x1.2.3.4',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    ':1:2:3:4:5:6:7',
    '12345::',
    'g::',
    'fe80::1%eth0',
    '::ffff:192.0.2.1',
    '::ffff:c000:201',
  ])('%j is none', (text) => {
    expect(parseAddress(text)).toBeUndefined()
  })

  test('bytes come back from their text', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    )
    fc.assert(fc.property(bytes, (b) => void expect(parseAddress(formatAddress(b))).toEqual(b)))
  })
})

function mapped(...ip4: number[]): Uint8Array {
  return new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...ip4])
}
