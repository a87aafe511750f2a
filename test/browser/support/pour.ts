/** Sends messages again and again, so many a second. */

export interface Pouring {
  /** Base64, each one WebSocket message; sent in turn. */
  readonly messages: readonly string[]
  readonly perSecond: number
  readonly ms: number
}

const lotMs = 5

/** Resolves with how many were sent. What a slow machine is late with is sent in the next lot. */
export async function pour(
  { messages, perSecond, ms }: Pouring,
  send: (message: Uint8Array) => void,
): Promise<number> {
  const bytes = messages.map((message) => new Uint8Array(Buffer.from(message, 'base64')))
  const begunMs = performance.now()
  let sent = 0
  for (;;) {
    const elapsedMs = Math.min(performance.now() - begunMs, ms)
    const due = (elapsedMs / 1000) * perSecond
    for (; sent < due; sent++) send(bytes[sent % bytes.length]!)
    if (elapsedMs >= ms) return sent
    await new Promise((resolve) => setTimeout(resolve, lotMs))
  }
}
