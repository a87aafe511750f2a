/** A Vite plugin that runs a relay inside the development and preview servers, so that `npm start` needs nothing else. */

import { attachRelay, type UpgradeServer } from './node.ts'

/** What is used of Vite's server. */
export interface ViteServer {
  /** None in Vite's middleware mode: then there is no relay. */
  httpServer:
    | (UpgradeServer & {
        /** Node's own. */
        once(event: 'close', listener: () => void): unknown
      })
    | null
}

/** A plug-in for Vite. */
export interface RelayPlugin {
  /** `handfast-relay`. */
  name: string
  /** Called by Vite. */
  configureServer(server: ViteServer): void
  /** Called by Vite. */
  configurePreviewServer(server: ViteServer): void
}

/** The relay is at `path` of whatever host and port Vite serves. Default `/relay`. */
export function relayPlugin({ path = '/relay' }: { path?: string } = {}): RelayPlugin {
  const attach = ({ httpServer }: ViteServer): void => {
    if (!httpServer) return
    const relay = attachRelay(httpServer, { path })
    httpServer.once('close', () => void relay.close())
  }
  return { name: 'handfast-relay', configureServer: attach, configurePreviewServer: attach }
}
