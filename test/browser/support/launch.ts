/** How a browser of this machine is started for a test. */

import { chromium, firefox, type LaunchOptions } from '@playwright/test'
import { type BrowserName, installedBrowsers } from './installed.ts'

export const browserTypes = { chromium, firefox }

/** `alone`: every peer of the test runs in this same kind of browser. */
export function launchOptions(name: BrowserName, alone: boolean, headless: boolean): LaunchOptions {
  const browser = installedBrowsers()?.[name]
  if (!browser) throw new Error(`No ${name} is known: run \`npm test -- browser\` once.`)
  if (name === 'chromium') {
    return { executablePath: browser.path, headless, args: chromiumArguments }
  }
  return {
    executablePath: browser.path,
    headless,
    ...(browser.stock && { channel: 'moz-firefox' }),
    // Looking up each other's `.local` names now and then stalls two Firefoxes for 3 s; but with plain addresses
    // Firefox and Chromium may not find each other at all.
    firefoxUserPrefs: alone ? { 'media.peerconnection.ice.obfuscate_host_addresses': false } : {},
  }
}

const chromiumArguments = [
  // Else only the front tab of a window is drawn more than once a second, and each click waits for two frames.
  '--disable-frame-rate-limit',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
