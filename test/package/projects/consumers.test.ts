/**
 * What a stranger gets: the packed library, installed by npm into projects of five kinds and built by their own tools; then two people
 * open each in Chromium, under a strict Content-Security-Policy, meet over the relay that `npx handfast relay` starts, and talk.
 */

import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from '@playwright/test'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../built.ts'
import { documentedRelay, fileIn } from './documented.ts'
import { launch, openPerson, within } from './people.ts'
import { Projects } from './projects.ts'
import { serve, type Site } from './site.ts'

const sources = fileURLToPath(new URL('../consumers', import.meta.url))
const built = ['vite', 'webpack', 'esbuild', 'next']

/** The folder that a web server is given, and the names of the policies for Trusted Types that the tool's own code makes. */
const sites = [
  { name: 'vite', folder: 'vite/dist', trustedTypes: 'vue' },
  { name: 'webpack', folder: 'webpack', trustedTypes: 'webpack' },
  { name: 'esbuild', folder: 'esbuild', trustedTypes: "'none'" },
  { name: 'html', folder: 'html', trustedTypes: "'none'" },
]

const projects = new Projects()
const opened: Site[] = []
const urls = new Map<string, string>()
let relay: string
let browser: Browser

beforeAll(async () => {
  cpSync(sources, projects.folder, { recursive: true })
  writeRecipes()
  const launching = launch()
  await projects.pack()
  await Promise.all(
    built.map(async (name) => {
      const folder = projects.path(name)
      await projects.install(folder)
      if (name === 'esbuild') {
        const relayCommand = ['npx', 'handfast', 'relay', '--port', '0']
        relay = await projects.start(folder, /listening on (ws:\S+)/, relayCommand)
        const singleFile = join(folder, 'node_modules/handfast/dist/handfast.min.js')
        cpSync(singleFile, projects.path('html/handfast.min.js'))
      }
      const said = await projects.run(folder, ['npm', 'run', 'build'])
      // Such as that a module of Node's was left out.
      expect(said.replace(/^npm warn .*$/gm, '')).not.toMatch(/warn|externalized|polyfill/i)
    }),
  )
  for (const { name, folder, trustedTypes } of sites) {
    const site = await serve(projects.path(folder), {
      'content-security-policy': policy(trustedTypes),
    })
    opened.push(site)
    urls.set(name, site.url)
  }
  const next = ['npm', 'start', '--', '--port', '0', '--hostname', '127.0.0.1']
  const port = await projects.start(
    projects.path('next'),
    /http:\/\/127\.0\.0\.1:([1-9]\d*)[^]*Ready/,
    next,
    { RELAY: relay },
  )
  urls.set('next', `http://127.0.0.1:${port}/`)
  browser = await launching
}, 300_000)

afterAll(async () => {
  await browser?.close()
  for (const site of opened) site.close()
  await projects.close()
}, 180_000)

/** What the guide has for Vue and React, as it stands but for the relay. */
function writeRecipes(): void {
  for (const [folder, recipe] of [
    ['vite/src', 'use-mesh.ts'],
    ['next', 'use-mesh.tsx'],
  ] as const)
    for (const name of ['shared-mesh.ts', recipe]) {
      const code = fileIn('docs/guides/recipes.md', name)
      const relayHere = "new URLSearchParams(location.search).get('relay')!"
      writeFileSync(
        projects.path(folder, name),
        code.replace(`'${documentedRelay}'`, () => relayHere),
      )
    }
}

/** Allows a page nothing but itself and the relay. */
const policy = (trustedTypes: string) =>
  [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    `connect-src ${relay}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    `trusted-types ${trustedTypes}`,
  ].join('; ')

async function say(page: Page, text: string): Promise<void> {
  const message = page.getByLabel('Message')
  await message.fill(text)
  await message.press('Enter')
}

const hears = (page: Page, text: string) =>
  page.getByRole('listitem').filter({ hasText: text }).waitFor(within)

describe.each([...built, 'html'])('a project made with %s', { concurrent: true }, (name) => {
  it('connects two people, who talk both ways', { timeout: 180_000 }, async ({ expect }) => {
    const [alice, bob] = [await openPerson(browser), await openPerson(browser)]
    const url = new URL(`?relay=${encodeURIComponent(relay)}`, urls.get(name))
    await alice.page.goto(url.href)
    await alice.page.getByRole('button', { name: 'Invite' }).click(within)
    const invitation = alice.page.getByRole('link', { name: 'Invitation' })
    await bob.page.goto((await invitation.getAttribute('href', within))!)
    for (const { page } of [alice, bob])
      await page.getByRole('status').filter({ hasText: 'open' }).waitFor(within)
    await say(alice.page, `Hello from ${name}`)
    await hears(bob.page, `Hello from ${name}`)
    await say(bob.page, 'And back')
    await hears(alice.page, 'And back')
    expect([...alice.complaints, ...bob.complaints]).toEqual([])
    // The policy is in force, and what it forbids is heard of.
    await alice.page.evaluate(() => fetch('http://127.0.0.1:9/').catch(() => {}))
    await expect.poll(() => alice.complaints.join()).toContain('connect-src: http://127.0.0.1:9/')
    await Promise.all([alice.context.close(), bob.context.close()])
  })
})

describe('a project made with next', () => {
  it('has the page rendered on the server, with the library imported there', async () => {
    const html = await (await fetch(urls.get('next')!)).text()
    expect(html).toMatch(/<button[^>]*disabled[^>]*>Invite<\/button>/)
    expect(html).toContain('Opening …')
  })
})

describe.each([
  ['bundler', 'esnext'],
  ['node16', 'node16'],
  ['nodenext', 'nodenext'],
])('types resolved as %s does', (moduleResolution, module) => {
  it('are those of every entry point, and hold', { timeout: 180_000 }, async () => {
    const options = {
      moduleResolution,
      module,
      target: 'es2023',
      lib: 'es2023,dom,dom.iterable,esnext.disposable',
    }
    const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const strict = ['--strict', '--noEmit', '--types', 'node', 'src/types.ts']
    const compile = [process.execPath, tsc, '--ignoreConfig', ...flags, ...strict]
    expect(await projects.run(projects.path('esbuild'), compile)).toBe('')
  })
})
