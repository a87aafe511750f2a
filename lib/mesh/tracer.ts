/** Where the trace of a tab comes together, and who hears it: it costs nothing while nobody does. */

import { Emitter, type Unsubscribe } from '../base/emitter.ts'
import type { Runtime } from '../base/runtime.ts'
import type { TraceDetails, TraceEvent, TraceKind } from './trace.ts'

export class Tracer {
  readonly #runtime: Runtime
  readonly #emitter = new Emitter<{ event: [event: TraceEvent]; switch: [] }>()

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** Whether anybody listens. */
  get isOn(): boolean {
    return this.#emitter.listenerCount('event') > 0
  }

  on(listener: (event: TraceEvent) => void): Unsubscribe {
    const off = this.#emitter.on('event', listener)
    this.#emitter.emit('switch')
    return () => {
      off()
      this.#emitter.emit('switch')
    }
  }

  /** Somebody has begun to listen, or has ceased to. */
  onSwitch(listener: () => void): Unsubscribe {
    return this.#emitter.on('switch', listener)
  }

  trace<K extends TraceKind>(kind: K, details: TraceDetails[K]): void {
    if (this.isOn) this.pass({ atMs: this.#runtime.now(), kind, ...details } as TraceEvent)
  }

  /** Tells of an event of another tab. */
  pass(event: TraceEvent): void {
    this.#emitter.emit('event', event)
  }

  close(): void {
    this.#emitter.clear()
  }
}
