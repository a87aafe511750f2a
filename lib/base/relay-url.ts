/**
 * Which relay URLs are acceptable: `wss:` anywhere; `ws:` on loopback only, where there is no wire to listen on.
 */

import { maxRelayUrlBytes } from './limits.ts'

const loopback = /^(?:localhost|.+\.localhost|127(?:\.\d+){3}|\[::1\])$/

/** Whether `url` may be connected to as a relay: well-formed, without credentials or fragment, and encrypted off loopback. */
export function isAllowedRelayUrl(url: string): boolean {
  if (url.length > maxRelayUrlBytes || url.includes('#') || !URL.canParse(url)) return false
  const { protocol, hostname, username, password } = new URL(url)
  if (username !== '' || password !== '') return false
  return protocol === 'wss:' || (protocol === 'ws:' && loopback.test(hostname))
}
