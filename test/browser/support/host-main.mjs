/**
 * What runs on a host of a test's network: a browser, driven from there since its debugging port is of that network, and doors on
 * 127.0.0.1 to what the page needs: browsers trust no other address without a certificate.
 */

import { connect, createServer } from 'node:net'
import { chromium, firefox } from '@playwright/test'

const browserTypes = { chromium, firefox }
let page

const commands = {
  async launch({ browserName, options }) {
    const browser = await browserTypes[browserName].launch(options)
    page = await (await browser.newContext()).newPage()
    page.on('pageerror', (error) => process.send({ pageError: String(error.stack ?? error) }))
  },
  goto: (url) => page.goto(url).then(() => {}),
  evaluate: (expression) => page.evaluate(expression),
  /** A connection to `port` here goes on to `target`: a path, or a port and host. */
  door: ({ port, target }) =>
    new Promise((resolve) => {
      const server = createServer((inside) => {
        const outside = connect(target)
        inside.pipe(outside).pipe(inside)
        for (const socket of [inside, outside]) {
          socket.on('error', () => {})
          socket.on('close', () => {
            inside.destroy()
            outside.destroy()
          })
        }
      })
      server.listen(port, '127.0.0.1', () => resolve())
    }),
}

process.on('message', async ({ id, command, argument }) => {
  try {
    process.send({ id, value: await commands[command](argument) })
  } catch (error) {
    process.send({ id, error: String(error) })
  }
})
process.on('disconnect', () => process.exit())
process.send('ready')
