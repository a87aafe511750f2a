/** An outbox on a store, that tells nobody unless told otherwise. */

import { Emitter } from '../../lib/base/emitter.ts'
import type { SessionsEvents } from '../../lib/link/events.ts'
import { Outbox, type OutboxOptions } from '../../lib/link/outbox.ts'
import type { Store } from '../../lib/storage/store.ts'
import { logOptions } from './link-pair.ts'
import type { VirtualRuntime } from './virtual-runtime.ts'

export const nothing = (): void => {}

export const outboxOn = (
  store: Store,
  runtime: VirtualRuntime,
  options: Pick<OutboxOptions, 'peer'> & Partial<OutboxOptions>,
): Outbox =>
  new Outbox({
    runtime,
    log: logOptions(runtime, store),
    events: new Emitter<SessionsEvents>(),
    nextTransferId: () => 0,
    onMore: nothing,
    onNewLog: nothing,
    onError: nothing,
    ...options,
  })
