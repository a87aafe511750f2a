/**
 * The way of somebody who has read the README alone, by its own commands and code: from a clone to two tabs that talk, and from `npm pack`
 * to a message sent in a page of their own. What is replaced: where the tarball is, and ports, since others may be using these.
 *
 * The clone is of what is committed, and installs its dependencies itself.
 */

import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from '@playwright/test'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { built, root } from '../built.ts'
import { codeIn, commandsIn, documentedRelay, sectionOf } from './documented.ts'
import { launch, openPerson, within } from './people.ts'
import { Projects } from './projects.ts'
import { serve } from './site.ts'

const projects = new Projects()
const clone = projects.path('clone')
const printed = /(http:\/\/(?:127\.0\.0\.1|localhost):\d+\/)/
let browser: Browser

beforeAll(async () => {
  browser = await launch()
  await projects.run(root, ['git', 'clone', '--quiet', root, clone])
}, 180_000)

afterAll(async () => {
  await browser?.close()
  await projects.close()
}, 180_000)

const shell = (command: string) => ['sh', '-c', command]

describe('who has read the README alone', () => {
  it('gets from clone to two tabs that talk', { timeout: 240_000 }, async () => {
    const section = sectionOf('README.md', 'Try it')
    const start = commandsIn(codeIn(section, 'sh')[0]!).find((command) => /start/.test(command))!
    const url = await projects.start(clone, printed, shell(start))
    const [create, openAs] = [...section.matchAll(/\*\*(.+?)\*\*/g)].map(([, words]) => words!)

    const { context, page: alice, complaints } = await openPerson(browser)
    await alice.goto(url)
    await alice.getByRole('button', { name: create!, exact: true }).click(within)
    const [bob] = await Promise.all([
      context.waitForEvent('page'),
      alice.getByRole('link', { name: openAs!.replace(' …', '') }).click(within),
    ])
    await bob.getByRole('button', { name: 'Accept', exact: true }).click(within)
    for (const [from, to] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      const text = from === alice ? 'Hello from Alice' : 'Hello from Bob'
      await from.getByRole('textbox', { name: /^Message to/ }).fill(text, within)
      await from.getByRole('button', { name: 'Send', exact: true }).click(within)
      await to.getByRole('log').getByText(text).waitFor(within)
    }
    expect(complaints).toEqual([])
    await context.close()
  })

  it('gets from npm pack to a sent message', { timeout: 240_000 }, async () => {
    const section = sectionOf('README.md', 'In your own page')
    const [inClone, inProject] = codeIn(section, 'sh').map(commandsIn)
    for (const command of inClone!) await projects.run(clone, shell(command))

    const [html, ts] = [codeIn(section, 'html'), codeIn(section, 'ts')]
    expect([html.length, ts.length]).toEqual([1, 1])
    expect(ts[0]).toContain(documentedRelay)
    const own = projects.path('own')
    mkdirSync(own)
    writeFileSync(join(own, 'index.html'), html[0]!)
    let url = ''
    for (const command of inProject!) {
      if (command.startsWith('npx handfast relay')) {
        const anyPort = shell(`${command} --port 0`)
        const relay = await projects.start(own, /listening on (ws:\S+)/, anyPort)
        writeFileSync(join(own, 'main.ts'), ts[0]!.replace(documentedRelay, relay))
      } else if (command === 'npx vite') url = await projects.start(own, printed, shell(command))
      else await projects.run(own, shell(command.replace('path/to', clone)))
    }

    const { context, page: alice, complaints } = await openPerson(browser)
    await alice.goto(url)
    const [bob] = await Promise.all([
      context.waitForEvent('page'),
      alice.getByRole('link', { name: 'invitation' }).click(within),
    ])
    await bob.getByText('Sent, and handled by the other tab.').waitFor(within)
    await alice.getByText('says: Hello!').waitFor(within)
    expect(complaints).toEqual([])
    await context.close()
  })

  it(
    'gets from the single file to a sent message without a build',
    { timeout: 180_000 },
    async () => {
      const [html] = codeIn(
        sectionOf('docs/guides/add-to-your-wallet.md', 'Without a build'),
        'html',
      )
      const folder = projects.path('page')
      mkdirSync(folder)
      cpSync(built.singleFile, join(folder, 'handfast.min.js'))
      const command = [process.execPath, built.cli, 'relay', '--port', '0']
      const relay = await projects.start(folder, /listening on (ws:\S+)/, command)
      expect(html).toContain(documentedRelay)
      writeFileSync(join(folder, 'index.html'), html!.replace(documentedRelay, relay))
      const site = await serve(folder)

      const [alice, bob] = [await openPerson(browser), await openPerson(browser)]
      await alice.page.goto(site.url)
      const body = alice.page.locator('body')
      await expect.poll(() => body.textContent(), { timeout: 30_000 }).toContain('#hft1')
      const [invitation] = /http:\S+#hft1\w+/.exec((await body.textContent())!)!
      await bob.page.goto(invitation)
      await bob.page.getByText('Sent, and handled over there.').waitFor(within)
      await alice.page.getByText('Hello!').waitFor(within)
      expect([...alice.complaints, ...bob.complaints]).toEqual([])
      await Promise.all([alice.context.close(), bob.context.close()])
      site.close()
    },
  )
})
