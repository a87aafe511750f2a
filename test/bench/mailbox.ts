/** Signals of two bench pages over the relay, for libraries that leave signalling to their users: JSON, a tag each way and round. */

import { systemRuntime } from '../../lib/base/runtime.ts'
import { RelayClient } from '../../lib/signaling/relay-client.ts'

import type { Site } from './adapter.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** A relay tag for any text. */
export async function tagOf(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text))).slice(0, 16)
}

/** Resolves when the relay answers. */
export async function openRelay(site: Site): Promise<RelayClient> {
  const relay = new RelayClient({ url: site.relayUrl, runtime: systemRuntime })
  await relay.publish(await tagOf('nobody'), new Uint8Array(1))
  return relay
}

export interface Mailbox {
  /** Resolves with nothing when the relay holds the subscription of this round. */
  ready(round: number): Promise<string>
  post(round: number, signal: unknown): void
  /** Signals that came before are handed over at once. */
  listen(round: number, listener: (signal: unknown) => void): void
}

export async function openMailbox(site: Site): Promise<Mailbox> {
  const relay = await openRelay(site)
  const received = new Map<number, unknown[]>()
  const listeners = new Map<number, (signal: unknown) => void>()
  const tags = new Map<number, Uint8Array>()
  return {
    async ready(round) {
      tags.set(round, await tagOf(`${site.self} to ${site.other} ${round}`))
      const early: unknown[] = []
      received.set(round, early)
      relay.subscribe(await tagOf(`${site.other} to ${site.self} ${round}`), (packet) => {
        const signal: unknown = JSON.parse(decoder.decode(packet))
        const listener = listeners.get(round)
        if (listener) listener(signal)
        else early.push(signal)
      })
      await relay.publish(await tagOf('nobody'), new Uint8Array(1))
      return ''
    },
    post(round, signal) {
      void relay.publish(tags.get(round)!, encoder.encode(JSON.stringify(signal)))
    },
    listen(round, listener) {
      listeners.set(round, listener)
      for (const signal of received.get(round)!.splice(0)) listener(signal)
    },
  }
}
