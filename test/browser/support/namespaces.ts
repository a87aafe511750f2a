/**
 * A network of a test's own, out of network namespaces: hosts with one address each on a bridge, whose cables can be cut. Needs Linux and
 * root, and leaves nothing behind.
 *
 *     host `a` eth0 ── to-a ┐
 *                           ├ br0 (10.77.0.1) in host `hub`
 *     host `b` eth0 ── to-b ┘
 */

import { spawnSync } from 'node:child_process'

const hub = 'hub'
const prefix = 'handfast-'
export const hubAddress = '10.77.0.1'
const withMask = (address: string) => `${address}/24`

function ip(...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' })
  if (status !== 0) throw error ?? new Error(`ip ${args.join(' ')}: ${stderr}`)
  return stdout
}

/** Whether this machine lets us make such networks; tried out. */
export function canMakeNetworks(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  try {
    new Network(['a']).close()
    return true
  } catch {
    return false
  }
}

export class Network {
  readonly #hosts: readonly string[]
  readonly #addresses = new Map<string, string>()
  readonly #onExit = () => this.close()

  /** Up to 100 hosts, by name. */
  constructor(hosts: readonly string[]) {
    removeLeftovers()
    this.#hosts = [...hosts, hub]
    process.on('exit', this.#onExit)
    try {
      for (const host of this.#hosts) {
        ip('netns', 'add', this.#namespace(host))
        this.#ip(host, 'link', 'set', 'lo', 'up')
      }
      this.#ip(hub, 'link', 'add', 'br0', 'type', 'bridge')
      this.#ip(hub, 'address', 'add', withMask(hubAddress), 'dev', 'br0')
      this.#ip(hub, 'link', 'set', 'br0', 'up')
      for (const [index, host] of hosts.entries()) {
        const peer = ['peer', 'name', 'eth0', 'netns', this.#namespace(host)]
        this.#ip(hub, 'link', 'add', `to-${host}`, 'type', 'veth', ...peer)
        this.plug(host)
        this.#ip(hub, 'link', 'set', `to-${host}`, 'up')
        // No address of IPv6, which would come a second later: another change of the network.
        this.#ip(host, 'link', 'set', 'eth0', 'addrgenmode', 'none', 'up')
        this.move(host, `10.77.0.${index + 2}`)
      }
    } catch (error) {
      this.close()
      throw error
    }
  }

  #namespace(host: string): string {
    return `${prefix}${process.pid}-${host}`
  }

  #ip(host: string, ...args: string[]): void {
    ip('-n', this.#namespace(host), ...args)
  }

  /** What to put before a command to run it on a host. */
  on(host = hub): readonly string[] {
    return ['ip', 'netns', 'exec', this.#namespace(host)]
  }

  /** The cable is pulled, which the host sees. */
  down(host: string): void {
    this.#ip(hub, 'link', 'set', `to-${host}`, 'down')
  }

  up(host: string): void {
    this.#ip(hub, 'link', 'set', `to-${host}`, 'up')
  }

  /** What the host sends goes nowhere, and nothing tells it. */
  unplug(host: string): void {
    this.#ip(hub, 'link', 'set', `to-${host}`, 'nomaster')
  }

  plug(host: string): void {
    this.#ip(hub, 'link', 'set', `to-${host}`, 'master', 'br0')
  }

  /** To another address, as in another network. */
  move(host: string, address: string): void {
    const former = this.#addresses.get(host)
    if (former) this.#ip(host, 'address', 'del', withMask(former), 'dev', 'eth0')
    this.#ip(host, 'address', 'add', withMask(address), 'dev', 'eth0')
    // Without a way out of the network Chromium offers no address at all.
    this.#ip(host, 'route', 'replace', 'default', 'via', hubAddress)
    this.#addresses.set(host, address)
  }

  /** Ends whatever still runs on the hosts. Idempotent. */
  close(): void {
    process.off('exit', this.#onExit)
    for (const host of this.#hosts) remove(this.#namespace(host))
  }
}

function remove(namespace: string): void {
  try {
    for (const pid of ip('netns', 'pids', namespace).split('\n').filter(Boolean)) {
      process.kill(Number(pid), 'SIGKILL')
    }
  } catch {
    // It is gone, or they are.
  }
  spawnSync('ip', ['netns', 'delete', namespace])
}

/** Networks of processes that were killed before they could clean up. */
function removeLeftovers(): void {
  for (const line of ip('netns', 'list').split('\n')) {
    const [namespace = ''] = line.split(' ')
    const pid = /^handfast-(\d+)-/.exec(namespace)?.[1]
    if (pid && !isAlive(Number(pid))) remove(namespace)
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
