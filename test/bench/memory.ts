/** What many idle connections cost the tab that holds them. */

import type { Browser, Page } from '@playwright/test'

import type { OnFailure } from './measure.ts'
import { Pair } from './pair.ts'
import type { Samples } from './samples.ts'
import type { Servers } from './servers.ts'
import type { Subject } from './subjects.ts'

const settleMs = 2000

const memoryMetric = (connections: number) =>
  `memory of ${connections} idle connections in one tab, KB of heap each`

/** After a garbage collection, where the browser can be told to make one. */
async function heapBytes(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page)
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  await session.detach()
  return usedSize
}

/** Chromium only: others tell nobody. */
export async function measureMemory(
  browser: Browser,
  pageUrl: string,
  servers: Servers,
  subjects: readonly Subject[],
  quick: boolean,
  samples: Samples,
  onFailure: OnFailure,
): Promise<void> {
  if (browser.browserType().name() !== 'chromium') return
  const connections = quick ? 5 : 50
  for (const subject of subjects) {
    try {
      const pair = await Pair.open(browser, pageUrl, servers, subject, true)
      // What the first connection loads and compiles is not what a connection costs.
      await pair.connect()
      const before = await heapBytes(pair.dialler)
      for (let made = 0; made < connections; made++) await pair.connect()
      await new Promise((resolve) => setTimeout(resolve, settleMs))
      const each = ((await heapBytes(pair.dialler)) - before) / connections
      samples.add(memoryMetric(connections), subject.name, each / 1000)
      await pair.close()
    } catch (error) {
      onFailure('memory', subject.name, error)
    }
  }
}
