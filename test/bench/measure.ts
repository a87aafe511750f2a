/** What is measured between pairs of pages: rounds in which every subject has its turn, in an order that rotates. */

import type { Pair } from './pair.ts'
import type { Samples } from './samples.ts'
import type { Servers } from './servers.ts'
import { storedSubjects } from './subjects.ts'

export const messageSizes = [256, 1024, 16_384, 65_536, 1_048_576] as const
export const largeBytes = 65_536
/** Up to here messages are counted as well as bytes. */
export const smallBytes = 1024
export const storedSizes = [256, 1024] as const
const storedMebibytes = 32

export const metric = {
  messagesPerSecond: (messageBytes: number) => `messages/s at ${messageBytes} B`,
  bytesPerSecond: (messageBytes: number) => `bytes/s at ${messageBytes} B`,
  storedPerSecond: (messageBytes: number) =>
    `messages/s at ${messageBytes} B, from the first send on`,
  roundTrip: 'round trip of 64 B, ms',
  setUp: (relayDelayMs: number) => `set-up with ${relayDelayMs} ms relay delay, ms`,
  relayBytes: (relayDelayMs: number) => `relay bytes a set-up with ${relayDelayMs} ms relay delay`,
}

/** Raw WebRTC that carries the same bytes in 64 KiB sends, beside raw WebRTC at the size in question. */
export const rawLarge = 'raw 64 KiB'

export interface Effort {
  /** Rounds that count. One more comes first and is discarded. */
  readonly rounds: number
  readonly quick: boolean
}

/** A subject that failed is left out of the rest of its section. */
export type OnFailure = (what: string, subject: string, error: unknown) => void

interface Turn {
  readonly name: string
  readonly run: () => Promise<Record<string, number>>
}

async function interleave(
  what: string,
  turns: readonly Turn[],
  effort: Effort,
  samples: Samples,
  onFailure: OnFailure,
): Promise<void> {
  const failed = new Set<string>()
  const warmUps = effort.quick ? 0 : 1
  for (let round = -warmUps; round < effort.rounds; round++) {
    const first = (round + turns.length) % turns.length
    for (const turn of [...turns.slice(first), ...turns.slice(0, first)]) {
      if (failed.has(turn.name)) continue
      try {
        const results = await turn.run()
        if (round < 0) continue
        for (const [it, sample] of Object.entries(results)) samples.add(it, turn.name, sample)
      } catch (error) {
        failed.add(turn.name)
        onFailure(what, turn.name, error)
      }
    }
  }
}

export async function measureThroughput(
  pairs: readonly Pair[],
  effort: Effort,
  samples: Samples,
  onFailure: OnFailure,
): Promise<void> {
  for (const messageBytes of messageSizes) {
    const totalBytes = amount(messageBytes, effort.quick)
    const turn = (name: string, pair: Pair, sendBytes: number): Turn => ({
      name,
      run: async () => {
        const { bytesPerSecond } = await pair.send(sendBytes, totalBytes)
        const messagesPerSecond = bytesPerSecond / messageBytes
        return {
          [metric.bytesPerSecond(messageBytes)]: bytesPerSecond,
          ...(messageBytes <= smallBytes &&
            name !== rawLarge && { [metric.messagesPerSecond(messageBytes)]: messagesPerSecond }),
        }
      },
    })
    const turns = pairs
      .filter(({ subject }) => subject.only !== 'stored')
      .filter(({ subject }) => messageBytes >= (subject.minMessageBytes ?? 0))
      .map((pair) => turn(pair.subject.name, pair, messageBytes))
    const raw = pairs.find(({ subject }) => subject.name === 'raw')
    // Next to raw, so that Handfast's samples are as close to the one as to the other.
    if (raw && messageBytes >= smallBytes) turns.splice(1, 0, turn(rawLarge, raw, largeBytes))
    await interleave(`throughput at ${messageBytes} B`, turns, effort, samples, onFailure)
  }
}

function amount(messageBytes: number, quick: boolean): number {
  const mebibytes = messageBytes < smallBytes ? 4 : messageBytes === smallBytes ? 8 : 32
  return (mebibytes / (quick ? 8 : 1)) * 1_048_576
}

/**
 * Messages that are on disk before they leave. Long enough that most of them wait for others' commits, and timed from the first `send`,
 * so that the first commit counts too.
 */
export async function measureStored(
  pairs: readonly Pair[],
  effort: Effort,
  samples: Samples,
  onFailure: OnFailure,
): Promise<void> {
  for (const messageBytes of storedSizes) {
    const totalBytes = storedMebibytes * (effort.quick ? 1 / 8 : 1) * 1_048_576
    const turns = pairs
      .filter(({ subject }) => storedSubjects.includes(subject.name))
      .map((pair) => ({
        name: pair.subject.name,
        run: async () => {
          const { durationMs } = await pair.send(messageBytes, totalBytes)
          return {
            [metric.storedPerSecond(messageBytes)]: totalBytes / messageBytes / (durationMs / 1000),
          }
        },
      }))
    await interleave(`stored messages of ${messageBytes} B`, turns, effort, samples, onFailure)
  }
}

export async function measureRoundTrips(
  pairs: readonly Pair[],
  effort: Effort,
  samples: Samples,
  onFailure: OnFailure,
): Promise<void> {
  const trips = effort.quick ? 100 : 1000
  const turns = pairs.map((pair) => ({
    name: pair.subject.name,
    run: async () => ({ [metric.roundTrip]: await pair.roundTrips(trips) }),
  }))
  await interleave('round trip', turns, effort, samples, onFailure)
}

export async function measureSetUp(
  pairs: readonly Pair[],
  servers: Servers,
  relayDelayMs: number,
  effort: Effort,
  samples: Samples,
  onFailure: OnFailure,
): Promise<void> {
  await servers.delay(relayDelayMs)
  const turns = pairs.map((pair) => ({
    name: pair.subject.name,
    run: async () => {
      const { ms, relayBytes } = await pair.connect()
      await pair.disconnect()
      return { [metric.setUp(relayDelayMs)]: ms, [metric.relayBytes(relayDelayMs)]: relayBytes }
    },
  }))
  await interleave(`set-up with ${relayDelayMs} ms`, turns, effort, samples, onFailure)
  await servers.delay(0)
}
