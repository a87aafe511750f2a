import { expect, test } from 'vitest'
import { maxRelayUrlBytes } from '../../../lib/base/limits.ts'
import { isAllowedRelayUrl } from '../../../lib/base/relay-url.ts'

test.each([
  'wss://relay.example',
  'wss://relay.example:8443/relay',
  'wss://127.0.0.1/',
  'ws://localhost:8787/relay',
  'ws://wallet.localhost:8787',
  'ws://127.0.0.1:8787',
  'ws://127.9.9.9',
  'ws://[::1]:8787/',
])('allows %s', (url) => expect(isAllowedRelayUrl(url)).toBe(true))

test.each([
  '',
  'relay.example',
  'ws://relay.example',
  'ws://192.168.1.2',
  'ws://localhost.example',
  'ws://127.0.0.1.example',
  'ws://mylocalhost',
  'ws://[::2]',
  'ws://0.0.0.0',
  'http://localhost',
  'https://relay.example',
  'javascript:alert(1)',
  'wss://user@relay.example',
  'wss://user:password@relay.example',
  'wss://relay.example/#fragment',
  'wss://relay.example/#',
  `wss://relay.example/${'a'.repeat(maxRelayUrlBytes)}`,
])('refuses %s', (url) => expect(isAllowedRelayUrl(url)).toBe(false))
