/**
 * Message 1 can be recorded and played again. Its hash is remembered for as long as its mailbox lives: a repeat gets the identical
 * answer while that is in memory, and nothing afterwards.
 */

import { toBase64url } from '../base/bytes.ts'
import { maxAnswered, maxCachedAnswers } from '../base/limits.ts'
import { blake2b } from '../crypto/hash.ts'
import type { Identity } from '../identity/identity.ts'

interface AnsweredRecord {
  expiresAtMs: number
}

const hashBytes = 16
const tables = ['answered'] as const

export class Answered {
  readonly #identity: Identity
  /** Oldest first. */
  readonly #seen: Map<string, number>
  readonly #answers = new Map<string, Uint8Array>()

  private constructor(identity: Identity, seen: Map<string, number>) {
    this.#identity = identity
    this.#seen = seen
  }

  static async open(identity: Identity): Promise<Answered> {
    const now = identity.runtime.now()
    const seen = await identity.store.transaction(
      tables,
      { mode: 'write' },
      async (transaction) => {
        const live: [string, number][] = []
        for (const { key, value } of await transaction.list('answered')) {
          const expiresAtMs = Number((value as AnsweredRecord | null)?.expiresAtMs)
          // Not a number, so damaged: what it guarded against reaches no application.
          if (!(expiresAtMs > now)) await transaction.delete('answered', key)
          else live.push([key, expiresAtMs])
        }
        return live
      },
    )
    return new Answered(identity, new Map(seen.sort(([, a], [, b]) => a - b)))
  }

  static key(packet: Uint8Array): string {
    return toBase64url(blake2b(packet, hashBytes))
  }

  has(key: string): boolean {
    return this.#seen.has(key)
  }

  /** The answer given then, while it is in memory. */
  answer(key: string): Uint8Array | undefined {
    return this.#answers.get(key)
  }

  /**
   * Remembers a message 1 that was verified. Written without waiting: losing it in a crash allows a replay, which reaches no
   * application and costs one unproven attempt.
   */
  remember(key: string, expiresAtMs: number): void {
    this.#seen.set(key, expiresAtMs)
    const forgotten: string[] = []
    for (const [oldest, expiry] of this.#seen) {
      if (this.#seen.size <= maxAnswered && expiry > this.#identity.runtime.now()) break
      this.#seen.delete(oldest)
      this.#answers.delete(oldest)
      forgotten.push(oldest)
    }
    const { runtime, store } = this.#identity
    const write = () =>
      store.transaction(tables, { mode: 'write' }, async (transaction) => {
        for (const old of forgotten) await transaction.delete('answered', old)
        await transaction.put('answered', key, { expiresAtMs } satisfies AnsweredRecord)
      })
    // The caller waits for its answer: it comes first.
    runtime.setTimer(0, () => void write().catch(() => {}))
  }

  keepAnswer(key: string, answer: Uint8Array): void {
    this.#answers.set(key, answer)
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= maxCachedAnswers) return
      this.#answers.delete(oldest)
    }
  }
}
