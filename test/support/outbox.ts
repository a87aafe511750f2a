/** An outbox on a store, whose callbacks do nothing unless told otherwise. */

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
    nextTransferId: () => 0,
    onStored: nothing,
    onQueued: nothing,
    onDelivered: nothing,
    onRefused: nothing,
    onNewLog: nothing,
    onError: nothing,
    ...options,
  })
