/**
 * What every browser test starts from: `import { expect, test } from './support/browsers.ts'`.
 *
 * `openPeer()` opens a page in a browser profile of its own; `openPeer('firefox')` does so in a named browser, for the
 * tests of both together. `page` and `context` are Playwright's. Whatever a page logs as an error or
 * throws fails its test, unless `expectError` announced it.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test as base, type Browser, type BrowserContext, type Page } from '@playwright/test'
import { greetEverybody } from './greet.ts'
import type { BrowserName } from './installed.ts'
import { browserTypes, launchOptions } from './launch.ts'

export { expect } from '@playwright/test'

export interface Peer {
  readonly browserName: BrowserName
  readonly context: BrowserContext
  readonly page: Page
  /** Opens another page in the same profile. */
  newPage(path?: string): Promise<Page>
  close(): Promise<void>
}

export interface PeerOptions {
  /** The page to open, relative to the server. Default: the page with the library on it. */
  path?: string
  /** A folder to keep the profile in, from `profileFolder()`: the next peer with the same folder finds what it stored. */
  profile?: string
}

interface TestFixtures {
  openPeer(browserName?: BrowserName, options?: PeerOptions): Promise<Peer>
  /** A fresh folder for a profile that outlives its browser; removed after the test. */
  profileFolder(): Promise<string>
  /** Announces an error that pages of this test may log or throw. */
  expectError(pattern: RegExp): void
  pageErrors: PageErrors
}

interface WorkerFixtures {
  /** Launches a browser by name, once per worker. */
  launch(name: BrowserName): Promise<Browser>
}

/** The page that puts the library's exports on `globalThis.handfast`. */
const libraryPage = '/test/browser/pages/library.html'

/** What Firefox logs of a connection that did not come about: another attempt takes its place. Tests ask whether one did. */
const failedAttempt = /^WebRTC: ICE failed/

class PageErrors {
  readonly #expected: RegExp[] = [failedAttempt]
  readonly #seen: string[] = []

  expect(pattern: RegExp): void {
    this.#expected.push(pattern)
  }

  watch(context: BrowserContext): void {
    context.on('console', (message) => {
      if (message.type() === 'error')
        this.#seen.push(`${message.text()} (${message.location().url})`)
    })
    context.on('weberror', (error) => this.#seen.push(String(error.error().stack ?? error.error())))
  }

  get unexpected(): string[] {
    return this.#seen.filter((text) => !this.#expected.some((pattern) => pattern.test(text)))
  }
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  launch: [
    async ({ headless }, use, workerInfo) => {
      const alone = workerInfo.project.name !== 'chromium-firefox'
      const browsers = new Map<BrowserName, Promise<Browser>>()
      await use((name) => {
        const launched =
          browsers.get(name) ??
          browserTypes[name].launch(launchOptions(name, alone, headless ?? true))
        browsers.set(name, launched)
        return launched
      })
      for (const browser of browsers.values()) await (await browser).close()
    },
    { scope: 'worker' },
  ],

  browser: [
    async ({ launch, browserName }, use) => use(await launch(browserName as BrowserName)),
    { scope: 'worker' },
  ],

  context: async ({ context, pageErrors }, use) => {
    pageErrors.watch(context)
    await greetEverybody(context)
    await use(context)
  },

  pageErrors: [
    async ({}, use) => {
      const errors = new PageErrors()
      await use(errors)
      base.expect(errors.unexpected, 'errors logged or thrown by pages').toEqual([])
    },
    { auto: true },
  ],

  expectError: async ({ pageErrors }, use) => use((pattern) => pageErrors.expect(pattern)),

  profileFolder: async ({}, use) => {
    const folders: string[] = []
    await use(async () => {
      const folder = await mkdtemp(join(tmpdir(), 'handfast-profile-'))
      folders.push(folder)
      return folder
    })
    for (const folder of folders) await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  },

  openPeer: async (
    { launch, browserName, headless, baseURL, pageErrors, profileFolder: _ },
    use,
    testInfo,
  ) => {
    const alone = testInfo.project.name !== 'chromium-firefox'
    const contexts: BrowserContext[] = []
    await use(async (name = browserName as BrowserName, { path = libraryPage, profile } = {}) => {
      const contextOptions = baseURL === undefined ? {} : { baseURL }
      const context = profile
        ? await browserTypes[name].launchPersistentContext(profile, {
            ...launchOptions(name, alone, headless ?? true),
            ...contextOptions,
          })
        : await (await launch(name)).newContext(contextOptions)
      contexts.push(context)
      pageErrors.watch(context)
      const newPage = async (pagePath = path) => {
        const page = await context.newPage()
        await page.goto(pagePath)
        return page
      }
      return {
        browserName: name,
        context,
        page: await newPage(),
        newPage,
        close: () => context.close(),
      }
    })
    for (const context of contexts) await context.close()
  },
})
