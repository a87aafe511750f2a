/** Handfast, messages as a wallet sends them: in IndexedDB before they leave. */

import { Identity } from '../../../lib/index.ts'

import type { Adapter } from '../adapter.ts'
import { connect, openEndpoint } from './handfast.ts'

export const adapter: Adapter = {
  maxMessageBytes: Infinity,
  preservesMessages: true,
  open: (site) => openEndpoint(site, connect, connect, (name) => Identity.open({ name })),
}
