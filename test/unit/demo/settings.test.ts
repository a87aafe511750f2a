/** What the demo's settings take, and what becomes of those that somebody else has written. */

import { afterEach, expect, test, vi } from 'vitest'
import {
  changeSettings,
  iceServersOf,
  isRelay,
  parseIceServer,
  readSettings,
} from '../../../demo/settings/settings.ts'

const key = 'handfast-demo/settings'

function keepIn(items: Map<string, string>): void {
  vi.stubGlobal('localStorage', {
    getItem: (name: string) => items.get(name) ?? null,
    setItem: (name: string, value: string) => void items.set(name, value),
  })
}

afterEach(() => vi.unstubAllGlobals())

test('a relay is encrypted, or on this computer', () => {
  for (const address of [
    'wss://relay.example',
    'wss://relay.example:8443/path?query',
    'ws://localhost:8787',
    'ws://127.0.0.1:8787/relay',
    'ws://[::1]:8787',
  ]) {
    expect(isRelay(address), address).toBe(true)
  }
  for (const address of [
    '',
    'relay.example',
    'ws://relay.example',
    'ws://localhost.example',
    'https://relay.example',
    'wss://name:secret@relay.example',
    'wss://relay.example/#fragment',
    `wss://relay.example/${'x'.repeat(240)}`,
    'javascript:alert(1)',
    null,
    ['wss://relay.example'],
  ]) {
    expect(isRelay(address), String(address)).toBe(false)
  }
})

test('a STUN server has an address, a TURN server also a name and a password', () => {
  expect(parseIceServer('stun:stun.example:3478')).toEqual({ urls: 'stun:stun.example:3478' })
  expect(parseIceServer('turns:turn.example:443?transport=tcp  anna  secret')).toEqual({
    urls: 'turns:turn.example:443?transport=tcp',
    username: 'anna',
    credential: 'secret',
  })
  for (const line of [
    '',
    'stun.example',
    'stun:',
    'stun:stun.example name password',
    'turn:turn.example',
    'turn:turn.example name',
    'turn:turn.example name password more',
    'turn:name@turn.example name password',
    'turn:turn.example?transport=quic name password',
    'https://turn.example name password',
  ]) {
    expect(parseIceServer(line), line).toBeNull()
  }
})

test('settings are kept, and changed one at a time', () => {
  keepIn(new Map())
  const unset = readSettings()
  expect(unset).toEqual({ relays: null, theme: 'system', iceServers: '', relayOnly: false })
  expect(changeSettings({ theme: 'dark' })).toBe(true)
  expect(changeSettings({ relays: [] })).toBe(true)
  expect(readSettings()).toEqual({ ...unset, theme: 'dark', relays: [] })
})

test('what is no setting counts as not set', () => {
  const relay = 'wss://relay.example'
  for (const [stored, wanted] of [
    ['{"relays":["http://x",7,"wss://relay.example"]}', { relays: [relay] }],
    [JSON.stringify({ relays: Array(9).fill(relay) }), { relays: Array(4).fill(relay) }],
    ['{"relays":"wss://relay.example","theme":"pink"}', { relays: null, theme: 'system' }],
    ['{"iceServers":["turn:x"],"relayOnly":"yes"}', { iceServers: '', relayOnly: false }],
    ['{"iceServers":"nonsense"}', { iceServers: 'nonsense' }],
    ...['null', '7', '[', ''].map((text) => [text, { relays: null, theme: 'system' }] as const),
  ] as const) {
    keepIn(new Map([[key, stored]]))
    expect(readSettings(), stored).toMatchObject(wanted)
    expect(iceServersOf(readSettings())).toEqual([])
  }
})

test('where the browser keeps nothing, everything is as if never set, and a change is refused', () => {
  vi.stubGlobal('localStorage', {
    getItem: () => {
      throw new DOMException('no', 'SecurityError')
    },
    setItem: () => {
      throw new DOMException('no', 'QuotaExceededError')
    },
  })
  expect(readSettings().theme).toBe('system')
  expect(changeSettings({ theme: 'dark' })).toBe(false)
})
