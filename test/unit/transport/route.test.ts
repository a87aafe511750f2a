import { expect, test } from 'vitest'
import { routeOf } from '../../../lib/transport/route.ts'

/** As `getStats` gives them, cut to what matters and something beside. */
const report = (...stats: object[]) =>
  new Map(stats.map((each) => [(each as { id: string }).id, each])) as never

const local = (candidateType: string, more = {}) => ({
  id: 'L',
  type: 'local-candidate',
  candidateType,
  protocol: 'udp',
  ...more,
})
const remote = (candidateType: string) => ({
  id: 'R',
  type: 'remote-candidate',
  candidateType,
  protocol: 'udp',
})
const pair = (more = {}) => ({
  id: 'P',
  type: 'candidate-pair',
  localCandidateId: 'L',
  remoteCandidateId: 'R',
  ...more,
})
const other = pair({ id: 'P0', localCandidateId: 'L0', remoteCandidateId: 'R' })
const transport = { id: 'T', type: 'transport', selectedCandidatePairId: 'P' }

test('the pair that the transport names', () => {
  expect(routeOf(report(other, pair(), local('host'), remote('prflx'), transport))).toEqual({
    via: 'direct',
    local: 'host',
    remote: 'prflx',
    protocol: 'udp',
  })
})

test('the pair that says so itself', () => {
  const found = routeOf(report(other, local('srflx'), remote('host'), pair({ selected: true })))
  expect(found).toMatchObject({ via: 'direct', local: 'srflx', remote: 'host' })
})

test('by the TURN server of either side', () => {
  const theirs = routeOf(report(pair(), local('host'), remote('relay'), transport))
  expect(theirs).toMatchObject({ via: 'turn', local: 'host', remote: 'relay' })
  const ours = report(pair(), local('relay', { relayProtocol: 'tcp' }), remote('host'), transport)
  expect(routeOf(ours)).toEqual({ via: 'turn', local: 'relay', remote: 'host', protocol: 'udp' })
})

test('over TCP', () => {
  const found = report(pair(), local('host', { protocol: 'tcp' }), remote('host'), transport)
  expect(routeOf(found)).toMatchObject({ via: 'direct', protocol: 'tcp' })
})

test('nothing while there is no pair, or one whose ends are not told', () => {
  expect(routeOf(report())).toBeNull()
  expect(routeOf(report(other, pair(), local('host'), remote('host')))).toBeNull()
  expect(routeOf(report(transport, local('host')))).toBeNull()
  expect(routeOf(report(pair(), transport, remote('host')))).toBeNull()
})
