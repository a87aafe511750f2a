/**
 * A TURN server (RFC 8656, over UDP) as small as two browsers on one machine need it: allocations, permissions, channels. It asks for
 * long-term credentials, as browsers expect, and believes them.
 */

import { createHash, createHmac, randomBytes } from 'node:crypto'
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'

const magic = 0x2112a442
const username = 'handfast'
const password = 'handfast'
const realm = 'handfast'
const key = createHash('md5').update(`${username}:${realm}:${password}`).digest()

const methods = { binding: 1, allocate: 3, refresh: 4, send: 6, data: 7, permit: 8, bind: 9 }
const attributes = {
  username: 6,
  integrity: 8,
  error: 9,
  channel: 0x0c,
  lifetime: 0x0d,
  peer: 0x12,
  data: 0x13,
  realm: 0x14,
  nonce: 0x15,
  relayed: 0x16,
  mapped: 0x20,
}
const request = 0
const indication = 0x010
const success = 0x100
const failure = 0x110

interface Address {
  readonly address: string
  readonly port: number
}

type Attributes = (readonly [type: number, value: Buffer])[]

interface Allocation {
  readonly socket: Socket
  /** Number of the channel, by peer, and the other way round. */
  readonly channels: Map<string, number>
  readonly peers: Map<number, Address>
}

const named = ({ address, port }: Address) => `${address}:${port}`

/** XOR-… of an IPv4 address. */
function writeAddress({ address, port }: Address): Buffer {
  const bytes = Buffer.from([0, 1, 0, 0, ...address.split('.').map(Number)])
  bytes.writeUInt16BE(port ^ (magic >>> 16), 2)
  bytes.writeUInt32BE((bytes.readUInt32BE(4) ^ magic) >>> 0, 4)
  return bytes
}

function readAddress(bytes: Buffer): Address {
  const host = Buffer.alloc(4)
  host.writeUInt32BE((bytes.readUInt32BE(4) ^ magic) >>> 0)
  return { address: [...host].join('.'), port: bytes.readUInt16BE(2) ^ (magic >>> 16) }
}

function write(type: number, id: Buffer, given: Attributes, isSigned: boolean): Buffer {
  const body = given.flatMap(([kind, value]) => {
    const head = Buffer.alloc(4)
    head.writeUInt16BE(kind)
    head.writeUInt16BE(value.length, 2)
    return [head, value, Buffer.alloc(-value.length & 3)]
  })
  const head = Buffer.alloc(8)
  const message = Buffer.concat([head, id, ...body])
  message.writeUInt16BE(type)
  message.writeUInt16BE(message.length - 20 + (isSigned ? 24 : 0), 2)
  message.writeUInt32BE(magic, 4)
  if (!isSigned) return message
  const integrity = createHmac('sha1', key).update(message).digest()
  return Buffer.concat([message, Buffer.from([0, attributes.integrity, 0, 20]), integrity])
}

function read(message: Buffer): { type: number; id: Buffer; get: (kind: number) => Buffer } {
  const found = new Map<number, Buffer>()
  for (let at = 20; at + 4 <= message.length;) {
    const length = message.readUInt16BE(at + 2)
    found.set(message.readUInt16BE(at), message.subarray(at + 4, at + 4 + length))
    at += 4 + length + (-length & 3)
  }
  const get = (kind: number) => found.get(kind) ?? Buffer.alloc(0)
  return { type: message.readUInt16BE(), id: message.subarray(8, 20), get }
}

export class TurnServer {
  /** Bytes that went from peer to peer. */
  relayedBytes = 0
  readonly #socket = createSocket('udp4')
  readonly #allocations = new Map<string, Allocation>()

  static async start(): Promise<TurnServer> {
    const server = new TurnServer()
    await bound(server.#socket)
    server.#socket.on('message', (message, from) => void server.#receive(message, from))
    return server
  }

  get iceServer(): RTCIceServer {
    const { port } = this.#socket.address()
    return { urls: `turn:127.0.0.1:${port}?transport=udp`, username, credential: password }
  }

  close(): void {
    for (const { socket } of this.#allocations.values()) socket.close()
    this.#socket.close()
  }

  async #receive(message: Buffer, from: RemoteInfo): Promise<void> {
    const allocation = this.#allocations.get(named(from))
    if (message.length >= 4 && message[0]! >= 0x40 && message[0]! < 0x80) {
      const peer = allocation?.peers.get(message.readUInt16BE())
      if (peer) this.#forward(allocation!, message.subarray(4, 4 + message.readUInt16BE(2)), peer)
      return
    }
    if (message.length < 20 || message.readUInt32BE(4) !== magic) return
    const { type, id, get } = read(message)
    const answer = (kind: number, given: Attributes, isSigned = true) =>
      this.#socket.send(write(type | kind, id, given, isSigned), from.port, from.address)
    const peer = get(attributes.peer).length === 8 ? readAddress(get(attributes.peer)) : undefined
    const mapped = [attributes.mapped, writeAddress(from)] as const
    const lifetime = [attributes.lifetime, Buffer.from([0, 0, 2, 88])] as const

    if (type === (methods.send | indication)) {
      if (allocation && peer) this.#forward(allocation, get(attributes.data), peer)
      return
    }
    if (type === (methods.binding | request)) return void answer(success, [mapped], false)
    if (get(attributes.username).length === 0) {
      const unauthorized = Buffer.from([0, 0, 4, 1])
      const asked = [
        [attributes.error, unauthorized],
        [attributes.realm, Buffer.from(realm)],
        [attributes.nonce, randomBytes(8)],
      ] as const
      return void answer(failure, [...asked], false)
    }
    if (type === methods.allocate) {
      const { socket } = allocation ?? (await this.#allocate(from))
      const relayed = writeAddress({ address: '127.0.0.1', port: socket.address().port })
      return void answer(success, [[attributes.relayed, relayed], lifetime, mapped])
    }
    if (type === methods.bind && allocation && peer) {
      const channel = get(attributes.channel).readUInt16BE()
      allocation.channels.set(named(peer), channel)
      allocation.peers.set(channel, peer)
    }
    answer(success, type === methods.refresh ? [lifetime] : [])
  }

  async #allocate(client: RemoteInfo): Promise<Allocation> {
    const socket = createSocket('udp4')
    const allocation: Allocation = { socket, channels: new Map(), peers: new Map() }
    this.#allocations.set(named(client), allocation)
    await bound(socket)
    socket.on('message', (data, peer) => {
      const channel = allocation.channels.get(named(peer))
      const head = Buffer.alloc(4)
      head.writeUInt16BE(channel ?? 0)
      head.writeUInt16BE(data.length, 2)
      const told = [
        [attributes.peer, writeAddress(peer)],
        [attributes.data, data],
      ] as const
      const packet =
        channel === undefined
          ? write(methods.data | indication, randomBytes(12), [...told], false)
          : Buffer.concat([head, data])
      this.#socket.send(packet, client.port, client.address)
    })
    return allocation
  }

  #forward({ socket }: Allocation, data: Buffer, { address, port }: Address): void {
    this.relayedBytes += data.length
    socket.send(data, port, address)
  }
}

const bound = (socket: Socket): Promise<void> =>
  new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve))
