/**
 * IP addresses between text and bytes (RFC 4291, section 2.2). What means nothing to another host, or would name an IPv4
 * address in disguise, does not parse: zones (`fe80::1%eth0`) and embedded IPv4 (`::ffff:192.0.2.1`).
 */

const decimalByte = /^(?:0|[1-9]\d{0,2})$/
const hextet = /^[\da-f]{1,4}$/i

/** Returns 4 or 16 bytes, or undefined for text that is no such address. */
export function parseAddress(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseIPv6(text) : parseIPv4(text)
}

/** Takes 4 or 16 bytes. IPv6 is written with all its eight groups. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16)
  return Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i).toString(16)).join(':')
}

/** Whether 16 bytes are `::ffff:0:0/96`, an IPv4 address in IPv6's clothes. */
export const isMappedIPv4 = (bytes: Uint8Array): boolean =>
  bytes.length === 16 && bytes.subarray(0, 12).every((byte, i) => byte === (i < 10 ? 0 : 0xff))

function parseIPv4(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  const valid = parts.length === 4 && parts.every((p) => decimalByte.test(p) && Number(p) < 256)
  return valid ? Uint8Array.from(parts, Number) : undefined
}

function parseIPv6(text: string): Uint8Array | undefined {
  const [head = [], tail, excess] = text
    .split('::')
    .map((half) => (half === '' ? [] : half.split(':')))
  const written = head.length + (tail?.length ?? 0)
  if (excess || (tail ? written > 7 : written !== 8)) return undefined
  const groups = [...head, ...Array<string>(8 - written).fill('0'), ...(tail ?? [])]
  if (!groups.every((group) => hextet.test(group))) return undefined
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  groups.forEach((group, i) => view.setUint16(2 * i, parseInt(group, 16)))
  return isMappedIPv4(bytes) ? undefined : bytes
}
