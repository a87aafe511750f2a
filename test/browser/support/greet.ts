/** Whoever a test opens in the demo by name is as welcome as if a button of the page had opened them: nobody is asked whether they are meant. */

import type { BrowserContext } from '@playwright/test'

export const greetEverybody = (context: BrowserContext): Promise<unknown> =>
  context.addInitScript(() => {
    const name = new URLSearchParams(location.search).get('as')
    if (name === null) return
    const key = `handfast-demo/own-name/${name}`
    if (localStorage.getItem(key) === null) localStorage.setItem(key, name)
  })
