/**
 * How this page reaches others and how it looks: kept in this browser, for all who are somebody here. Where the browser keeps nothing,
 * everything is as if never set.
 */

export type Theme = 'system' | 'light' | 'dark'

export interface Settings {
  /** URLs of relays; null: whatever the page's host has. */
  readonly relays: readonly string[] | null
  readonly theme: Theme
  /** STUN and TURN servers, as they were typed: one a line. */
  readonly iceServers: string
  /** Others see the TURN server's address only. */
  readonly relayOnly: boolean
}

const key = 'handfast-demo/settings'
const unset: Settings = { relays: null, theme: 'system', iceServers: '', relayOnly: false }
const themes: readonly unknown[] = ['system', 'light', 'dark']

/** As the library has it: contacts learn of the first four. */
export const maxRelays = 4

export function readSettings(): Settings {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(key) ?? '{}')
    const { relays, theme, iceServers, relayOnly } = stored as Record<string, unknown>
    return {
      relays: Array.isArray(relays) ? relays.filter(isRelay).slice(0, maxRelays) : unset.relays,
      theme: themes.includes(theme) ? (theme as Theme) : unset.theme,
      iceServers: typeof iceServers === 'string' ? iceServers : unset.iceServers,
      relayOnly: relayOnly === true,
    }
  } catch {
    return unset
  }
}

/** False where the browser keeps nothing. */
export function changeSettings(change: Partial<Settings>): boolean {
  try {
    localStorage.setItem(key, JSON.stringify({ ...readSettings(), ...change }))
    return true
  } catch {
    return false
  }
}

/** Tells of what another tab has set. */
export function onOtherTab(listener: (settings: Settings) => void): void {
  addEventListener('storage', (event) => {
    if (event.key === key) listener(readSettings())
  })
}

/** As the library has it. */
const maxRelayLength = 256

const loopback = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/

/** Whether the library will take it: encrypted, or on this computer. */
export function isRelay(text: unknown): text is string {
  if (typeof text !== 'string' || text.length > maxRelayLength) return false
  if (text.includes('#') || !URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  if (username || password) return false
  return protocol === 'wss:' || (protocol === 'ws:' && loopback.test(hostname))
}

export const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')

const iceUrl = /^(stuns?|turns?):[^\s/?#@]+(\?transport=(udp|tcp))?$/

/** `stun:host:port`, or `turn:host:port name password`; null: it is neither. */
export function parseIceServer(line: string): RTCIceServer | null {
  const [urls = '', username, credential, ...more] = line.split(/\s+/)
  if (!iceUrl.test(urls) || more.length > 0) return null
  if (urls.startsWith('stun')) return username === undefined ? { urls } : null
  return username && credential ? { urls, username, credential } : null
}

export const iceServersOf = ({ iceServers }: Settings): RTCIceServer[] =>
  linesOf(iceServers).flatMap((line) => parseIceServer(line) ?? [])
