/** Scopes: what covers what, and what is one. */

import { expect, test } from 'vitest'
import { maxScopeBytes, maxScopes } from '../../../lib/base/limits.ts'
import { covers, everything, isWithin, parseScopes } from '../../../lib/identity/scopes.ts'

test.each<[held: string[], scope: string, isCovered: boolean]>([
  [['*'], 'message', true],
  [['*'], 'request:balance', true],
  [['*'], '*', true],
  [['message'], 'message', true],
  [['message'], 'message:chat', true],
  [['message:chat'], 'message:chat', true],
  [['message:chat'], 'message:chat:room', true],
  [['request', 'message:chat'], 'message:chat', true],
  [[], 'message', false],
  [[], '', false],
  [['message'], '*', false],
  [['message'], 'messages', false],
  [['message'], 'messages:chat', false],
  [['message:chat'], 'message', false],
  [['message:chat'], 'message:chatter', false],
  [['message:'], 'message:chat', false],
  [['message:*'], 'message:chat', false],
  [['Message'], 'message', false],
  [['request'], 'message', false],
])('%j covers %j: %j', (held, scope, isCovered) => {
  expect(covers(held, scope)).toBe(isCovered)
})

test.each<[inner: string[], outer: string[], isInside: boolean]>([
  [[], [], true],
  [[], ['message'], true],
  [['message', 'stream:x'], ['*'], true],
  [['message:a', 'message:b'], ['message'], true],
  [['*'], ['*'], true],
  [['*'], ['message', 'request', 'stream', 'signal'], false],
  [['message', 'request'], ['message'], false],
  [['message'], [], false],
])('%j is within %j: %j', (inner, outer, isInside) => {
  expect(isWithin(inner, outer)).toBe(isInside)
})

test.each<[what: string, value: unknown]>([
  ['no array', 'message'],
  ['nothing', undefined],
  ['a number among them', ['message', 1]],
  ['an empty one', ['message', '']],
  ['one too many', Array.from({ length: maxScopes + 1 }, (_, index) => `message:${index}`)],
  ['one too long', ['x'.repeat(maxScopeBytes + 1)]],
  ['one of too many bytes', ['é'.repeat(maxScopeBytes / 2 + 1)]],
])('%s: not scopes', (_, value) => {
  expect(() => parseScopes(value)).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
})

test('scopes are copied', () => {
  const given = ['message', 'é'.repeat(maxScopeBytes / 2)]
  const parsed = parseScopes(given)
  expect(parsed).toEqual(given)
  given.push('*')
  expect(parsed).toHaveLength(2)
  expect(parseScopes(everything)).toEqual(everything)
  expect(parseScopes([])).toEqual([])
})
