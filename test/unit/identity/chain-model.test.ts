/** Chains of chance, accepted just when the rules of `docs/protocol.md`, written down once more, say so. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemRuntime } from '../../../lib/base/runtime.ts'
import { encode } from '../../../lib/codec/cbor.ts'
import * as signatureLabels from '../../../lib/crypto/signature-labels.ts'
import { ready } from '../../../lib/crypto/sodium.ts'
import {
  rootIssuer,
  verifyChain,
  verifyPeerChain,
  type SigningParty,
} from '../../../lib/identity/certificate.ts'
import { Device } from '../../../lib/identity/device.ts'
import { newSigningKeys, signerOf } from '../../support/signer-of.ts'

await ready()
const nowS = 1_800_000_000
const tolerance = 48 * 3600
const pair = () => rootIssuer(signerOf(newSigningKeys()))
const identities = [pair(), pair()]
const devices = [0, 1, 2, 3].map(() => Device.generate(systemRuntime))
/** Who may sign: two roots, then the devices. */
const parties: SigningParty[] = [...identities, ...devices]

interface Link {
  issuer: number
  signer: number
  subject: number
  device: number | null
  countersigner: number | null
  pathLength: number
  beginS: number
  endS: number | null
  scopes: string[]
}

const someScopes = [['*'], ['devices', 'introduce', 'message'], ['devices'], ['message:a'], []]

/** Mostly as it should be after what comes before, so that some are valid. */
const linkAt = (index: number): fc.Arbitrary<Link> => {
  const usually = <T>(value: T, ...others: T[]) =>
    fc.oneof(
      { weight: 12, arbitrary: fc.constant(value) },
      ...others.map((each) => fc.constant(each)),
    )
  const issuer = index === 0 ? 0 : index + 1
  return fc.record({
    issuer: usually(issuer, 0, 1, 2),
    signer: usually(-1, 0, 1, 3),
    subject: usually(0, 1),
    device: usually<number | null>(index, null, 0, 3),
    countersigner: usually<number | null>(-1, null, 2),
    pathLength: usually(6 - index, 0, 1, 2, 3, 6),
    beginS: usually(nowS, nowS + tolerance, nowS + tolerance + 1),
    endS: usually<number | null>(null, nowS - tolerance, nowS - tolerance - 1),
    scopes: usually(someScopes[0]!, ...someScopes.slice(1)),
  })
}

const chains = fc
  .integer({ min: 1, max: 4 })
  .chain((length) => fc.tuple(...Array.from({ length }, (_, index) => linkAt(index))))

/** The same, with a peer certificate last. */
const peerChains = fc
  .tuple(
    chains,
    fc.constantFrom(1, 1, 1, 0),
    fc.constantFrom(3, 2, 1, 0, 4),
    fc.constantFrom(...someScopes),
  )
  .map(([links, subject, pathLength, scopes]) =>
    links.with(links.length - 1, {
      ...links.at(-1)!,
      ...{ device: null, countersigner: null, subject, pathLength, scopes },
    }),
  )

const signerOfLink = ({ signer, issuer }: Link) => (signer === -1 ? issuer : signer)
const countersignerOf = ({ countersigner, device }: Link) =>
  countersigner === -1 ? device : countersigner

async function certificate(link: Link): Promise<Uint8Array> {
  const device = link.device === null ? null : devices[link.device]!
  const body = encode([
    1,
    parties[link.issuer]!.key,
    identities[link.subject]!.key,
    device && device.key,
    device && device.boxKey,
    link.pathLength,
    link.beginS,
    link.endS,
    link.scopes,
  ])
  const countersigner = countersignerOf(link)
  return encode([
    body,
    await parties[signerOfLink(link)]!.sign(signatureLabels.certificate, body),
    countersigner === null
      ? null
      : await devices[countersigner]!.sign(signatureLabels.device, body),
  ])
}

const isCovered = (scope: string, by: string[]) =>
  by.includes('*') || by.includes(scope) || by.some((each) => scope.startsWith(`${each}:`))

function isValid(links: Link[], isPeerChain: boolean): boolean {
  const [first] = links
  const root = isPeerChain ? 0 : first!.subject
  const hasLength = links.length <= (isPeerChain ? 4 : 3)
  return (
    hasLength &&
    links.every((link, index) => {
      const before = links[index - 1]
      const isPeer = isPeerChain && index === links.length - 1
      const issuer = before ? before.device! + identities.length : root
      const hasForm = isPeer
        ? link.device === null && link.countersigner === null
        : link.device !== null && countersignerOf(link) === link.device
      return (
        hasForm &&
        link.issuer === issuer &&
        signerOfLink(link) === link.issuer &&
        (link.subject === root) === !isPeer &&
        link.pathLength < (before?.pathLength ?? 7) &&
        (!isPeer || (link.pathLength >= 1 && link.pathLength <= 3)) &&
        link.beginS <= nowS + tolerance &&
        (link.endS === null || link.endS >= nowS - tolerance) &&
        (!before ||
          (isCovered(isPeer ? 'introduce' : 'devices', before.scopes) &&
            link.scopes.every((scope) => isCovered(scope, before.scopes))))
      )
    })
  )
}

const isAccepted = (verify: () => unknown): boolean => {
  try {
    verify()
    return true
  } catch (error) {
    expect(error).toMatchObject({ code: 'bad-certificate' })
    return false
  }
}

test.each([
  ['device', chains, false],
  ['peer', peerChains, true],
] as const)('%s chains', { timeout: 60_000 }, async (_, arbitrary, isPeerChain) => {
  let valid = 0
  const numRuns = 1000
  const property = fc.asyncProperty(arbitrary, async (links: Link[]) => {
    const chain = await Promise.all(links.map(certificate))
    const expected = isValid(links, isPeerChain)
    if (expected) valid++
    const verify = () =>
      isPeerChain ? verifyPeerChain(chain, identities[0]!.key, nowS) : verifyChain(chain, nowS)
    expect(isAccepted(verify)).toBe(expected)
  })
  await fc.assert(property, { numRuns, seed: 42 })
  expect(valid).toBeGreaterThan(numRuns / 20)
  expect(valid).toBeLessThan(numRuns)
})
