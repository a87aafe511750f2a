/** The browsers that `.ci/ensure.mjs` found on this machine. */

import { existsSync, readFileSync } from 'node:fs'

export type BrowserName = 'chromium' | 'firefox'

export interface InstalledBrowser {
  path: string
  version: string
  /** False for Playwright's own build, which is driven differently. */
  stock: boolean
}

const file = new URL('../../../node_modules/.cache/handfast/browsers.json', import.meta.url)

/** Undefined before `npm test` has looked for them. */
export function installedBrowsers(): Partial<Record<BrowserName, InstalledBrowser>> | undefined {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}
