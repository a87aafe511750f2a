/** The built library lives under a strict Content-Security-Policy, Trusted Types included, without one violation. */

import type { Page } from '@playwright/test'
import { type CspServer, startCspServer } from './support/csp-server.ts'
import { expect, test } from './support/browsers.ts'

let server: CspServer

test.beforeAll(async () => {
  server = await startCspServer()
})

test.afterAll(() => server.close())

/** What a page says in lines of `<what>: <value>`. */
function listen(page: Page) {
  const said: { what: string; value: string }[] = []
  page.on('console', (message) => {
    const [, what, value] = /^(\w+): (.*)$/.exec(message.text()) ?? []
    if (what !== undefined && value !== undefined) said.push({ what, value })
  })
  const all = (what: string) => said.filter((line) => line.what === what).map(({ value }) => value)
  return {
    all,
    async next(what: string): Promise<string> {
      await expect.poll(() => all(what), { timeout: 20_000 }).not.toEqual([])
      return all(what)[0]!
    },
  }
}

test('two pages meet and talk', async ({ openPeer }) => {
  const [alice, bob] = [
    await openPeer(undefined, { path: 'about:blank' }),
    await openPeer(undefined, { path: 'about:blank' }),
  ]
  const [aliceSays, bobSays] = [listen(alice.page), listen(bob.page)]
  await alice.page.goto(`${server.url}#invite`)
  const ticket = await aliceSays.next('ticket')
  await bob.page.goto(`${server.url}#accept=${ticket}`)
  expect(await bobSays.next('echo')).toBe('hello')
  await bobSays.next('closed')
  expect([...aliceSays.all('violation'), ...bobSays.all('violation')]).toEqual([])
})

for (const task of ['eval', 'html']) {
  test(`the policy is in force: ${task}`, async ({ openPeer, expectError }) => {
    expectError(/\bCSP\b|Content.Security.Policy|EvalError|Trusted/)
    const { page } = await openPeer(undefined, { path: 'about:blank' })
    const says = listen(page)
    await page.goto(`${server.url}#${task}`)
    expect(await says.next('violation')).toMatch(/^(script-src|require-trusted-types-for)/)
  })
}
