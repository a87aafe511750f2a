/** Two pages that run one library, each in a browser context of its own and therefore in a process of its own. */

import type { Browser, Page } from '@playwright/test'

import type { Received } from './page.ts'
import type { Servers } from './servers.ts'
import type { Subject } from './subjects.ts'

const openTimeoutMs = 15_000
const sampleTimeoutMs = 60_000
const settleMs = 50

interface Sample extends Received {
  /** From the first `send` to the last delivery. */
  readonly durationMs: number
}

export interface SetUp {
  readonly ms: number
  /** Over the signalling server, of both ends. */
  readonly relayBytes: number
}

export class Pair {
  readonly subject: Subject
  readonly dialler: Page
  readonly answerer: Page
  readonly #servers: Servers
  readonly #proxyPort: number
  #round = 0

  private constructor(
    subject: Subject,
    dialler: Page,
    answerer: Page,
    servers: Servers,
    proxyPort: number,
  ) {
    this.subject = subject
    this.dialler = dialler
    this.answerer = answerer
    this.#servers = servers
    this.#proxyPort = proxyPort
  }

  static async open(
    browser: Browser,
    pageUrl: string,
    servers: Servers,
    subject: Subject,
    manyPeers = false,
  ): Promise<Pair> {
    const proxyPort = await servers.proxy(subject.signalling)
    const run = `${subject.name}-${proxyPort}`
    const open = async (role: 'dialler' | 'answerer') => {
      const context = await browser.newContext()
      const page = await context.newPage()
      page.on('pageerror', (error) => console.error(`${subject.name}, ${role}: ${error.message}`))
      await page.goto(`${pageUrl}?adapter=${subject.name}`)
      await page.waitForFunction(() => 'bench' in globalThis)
      const relayUrl = `ws://127.0.0.1:${proxyPort}/`
      const other = role === 'dialler' ? 'answerer' : 'dialler'
      const site = { self: `${run}-${role}`, other: `${run}-${other}`, role, relayUrl, manyPeers }
      await inTime(
        page.evaluate((it) => bench.open(it), site),
        openTimeoutMs,
      )
      return page
    }
    const [dialler, answerer] = await Promise.all([open('dialler'), open('answerer')])
    return new Pair(subject, dialler, answerer, servers, proxyPort)
  }

  /** Dials, and keeps the connection. */
  async connect(): Promise<SetUp> {
    const round = this.#round++
    let invitation = ''
    for (const page of [this.answerer, this.dialler]) {
      const ready = page.evaluate((it) => bench.ready(...it), [round, invitation] as const)
      invitation = await inTime(ready, openTimeoutMs)
    }
    await this.answerer.evaluate((it) => bench.answer(it), round)
    await pause(settleMs)
    const before = await this.#servers.bytes(this.#proxyPort)
    const ms = await inTime(
      this.dialler.evaluate((it) => bench.dial(it), round),
      openTimeoutMs,
    )
    // Before anything else of the attempt is still on its way: late candidates belong to it.
    await pause(settleMs)
    return { ms, relayBytes: (await this.#servers.bytes(this.#proxyPort)) - before }
  }

  async disconnect(): Promise<void> {
    await inTime(
      Promise.all([this.dialler, this.answerer].map((page) => page.evaluate(() => bench.close()))),
      openTimeoutMs,
    )
  }

  async send(messageBytes: number, totalBytes: number): Promise<Sample> {
    const amount = [messageBytes, totalBytes] as const
    await this.answerer.evaluate((it) => bench.receive(...it), amount)
    const sent = this.dialler.evaluate((it) => bench.send(...it), amount)
    const received = this.answerer.evaluate(() => bench.received())
    const [it, startedAt] = await inTime(Promise.all([received, sent]), sampleTimeoutMs)
    return { ...it, durationMs: it.endedAt - startedAt }
  }

  /** Mean milliseconds. */
  async roundTrips(count: number): Promise<number> {
    await this.answerer.evaluate(() => bench.echo())
    return inTime(
      this.dialler.evaluate((it) => bench.roundTrips(it), count),
      sampleTimeoutMs,
    )
  }

  /** Throws unless one page's work leaves the other's main thread alone. */
  async checkSeparate(): Promise<void> {
    const blockMs = 400
    const pauses: number[] = []
    for (let attempt = 0; attempt < 3; attempt++) {
      const longest = this.answerer.evaluate((it) => bench.longestPauseMs(it), blockMs)
      await this.dialler.evaluate((it) => bench.block(it), blockMs / 2)
      pauses.push(await longest)
      // On a busy machine anything may pause once.
      if (Math.min(...pauses) < blockMs / 4) return
    }
    throw new Error(
      `${this.subject.name}: the two pages share a thread: ${pauses.join()} ms pauses`,
    )
  }

  async close(): Promise<void> {
    await Promise.all([this.dialler.context().close(), this.answerer.context().close()])
  }
}

const pause = (durationMs: number) => new Promise((resolve) => setTimeout(resolve, durationMs))

function inTime<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done in ${timeoutMs} ms`)), timeoutMs)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
