/**
 * IP addresses between text and bytes (RFC 4291, section 2.2). What means nothing to another host, or would name an IPv4
 * address in disguise, does not parse: zones (`fe80::1%eth0`) and embedded IPv4 (`::ffff:192.0.2.1`).
 */

/** Returns 4 or 16 bytes, or undefined for text that is no such address. */
export function parseAddress(text: string): Uint8Array | undefined {
  if (text.includes(':')) return parseIPv6(text)
  const bytes = Uint8Array.from(text.split('.'), Number)
  return bytes.length === 4 && bytes.join('.') === text ? bytes : undefined
}

/** Takes 4 or 16 bytes. IPv6 is written with all its eight groups. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i).toString(16)).join(':')
}

/** Whether 16 bytes are `::ffff:0:0/96`, an IPv4 address in IPv6's clothes. */
export const isMappedIPv4 = (bytes: Uint8Array): boolean =>
  formatAddress(bytes).startsWith('0:0:0:0:0:ffff:')

/** The platform's own parser judges the text and brings it to one form. */
function parseIPv6(text: string): Uint8Array | undefined {
  const url = `http://[${text}]`
  if (!/^[\da-f:]+$/i.test(text) || !URL.canParse(url)) return undefined
  const [head = '', tail = ''] = new URL(url).hostname.slice(1, -1).split('::')
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  const put = (groups: string[], from: number) =>
    groups.forEach((group, i) => view.setUint16(2 * (from + i), parseInt(group, 16)))
  const last = tail.split(':')
  put(last, 8 - last.length)
  put(head.split(':'), 0)
  return isMappedIPv4(bytes) ? undefined : bytes
}
