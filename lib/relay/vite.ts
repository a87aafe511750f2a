/** A Vite plugin that runs a relay inside the development and preview servers, so that `npm start` needs nothing else. */

import { attachRelay, type UpgradeServer } from './node.ts'

interface ViteServer {
  httpServer: (UpgradeServer & { once(event: 'close', listener: () => void): unknown }) | null
}

export interface RelayPlugin {
  name: string
  configureServer(server: ViteServer): void
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
