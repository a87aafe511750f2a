/** Which network addresses count as one client: an IPv4 address is one, so is an IPv6 /64, which any home line gets whole. */

import { isIPv6 } from 'node:net'

/** IPv4 in IPv6 counts as IPv4. What is no address stands for itself. */
export function addressGroup(address: string): string {
  const plain = address.replace(/%.*$/, '')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)
  if (mapped) return mapped[1]!
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = plain.split('::')
  const left = groups(head)
  const missing = tail === undefined ? 0 : 8 - left.length - groups(tail).length
  const all = [...left, ...Array<string>(missing).fill('0'), ...groups(tail ?? '')]
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}

/** An embedded IPv4 address stands for two groups, which never reach the first four. */
const groups = (part: string): string[] =>
  part === '' ? [] : part.replace(/\d+\.\d+\.\d+\.\d+$/, '0:0').split(':')
