/** What a relay counts, as Prometheus text (exposition format 0.0.4). Sums only: no address, no tag. */

/** Why a connection ended. */
export type CloseReason =
  'gone' | 'shutdown' | 'malformed' | 'idle' | 'slow' | 'tooLarge' | 'rate' | 'full'

/** What a relay counts: sums only, no address, no tag. */
export class RelayMetrics {
  /** Messages received. */
  messagesIn = 0
  /** Messages sent. */
  messagesOut = 0
  /** Bytes received. */
  bytesIn = 0
  /** Bytes sent. */
  bytesOut = 0
  /** Connections ended, by reason; `gone` is the other side's doing. */
  readonly closed: Record<CloseReason, number> = {
    gone: 0,
    shutdown: 0,
    malformed: 0,
    idle: 0,
    slow: 0,
    tooLarge: 0,
    rate: 0,
    full: 0,
  }
  /** Publishes dropped because their tag had too many. */
  publishesDropped = 0
  /** Subscriptions that gave way because their tag had too many. */
  subscriptionsDropped = 0

  /** As Prometheus text, with what is there now. */
  render(connections: number, tags: number): string {
    const closed = Object.entries(this.closed).map(
      ([reason, count]) => [`{reason="${reason}"}`, count] as const,
    )
    const way = (incoming: number, outgoing: number) =>
      [
        ['{direction="in"}', incoming],
        ['{direction="out"}', outgoing],
      ] as const
    return [
      family('connections', 'gauge', [['', connections]]),
      family('tags', 'gauge', [['', tags]]),
      family('messages_total', 'counter', way(this.messagesIn, this.messagesOut)),
      family('bytes_total', 'counter', way(this.bytesIn, this.bytesOut)),
      family('closed_total', 'counter', closed),
      family('publishes_dropped_total', 'counter', [['', this.publishesDropped]]),
      family('subscriptions_dropped_total', 'counter', [['', this.subscriptionsDropped]]),
    ].join('')
  }
}

function family(name: string, type: string, samples: readonly (readonly [string, number])[]) {
  const lines = samples.map(([labels, value]) => `handfast_relay_${name}${labels} ${value}\n`)
  return `# TYPE handfast_relay_${name} ${type}\n${lines.join('')}`
}
