/**
 * Long tests run reduced in `npm test` and in full by `npm run campaign`, which may share one out among several processes and set it an
 * end (Unix ms), and which reports what they did.
 */

import { appendFileSync } from 'node:fs'

const { HANDFAST_CAMPAIGN, HANDFAST_SHARD = '0/1', HANDFAST_UNTIL, HANDFAST_RECORDS } = process.env
const isCampaign = HANDFAST_CAMPAIGN === '1'
const [shard = 0, shards = 1] = HANDFAST_SHARD.split('/').map(Number)
let beganMs = Date.now()

export const tier = (reduced: number, full: number): number => (isCampaign ? full : reduced)

/** Whether the `index`th piece of a long test is for this process, and there is time left for it. */
export const isMine = (index: number): boolean => index % shards === shard
export const hasTime = (): boolean => Date.now() < Number(HANDFAST_UNTIL ?? Infinity)

/** What a long test did, for the report: names of counts and their figures. Those of several processes are added up. */
export function record(test: string, counts: Readonly<Record<string, number | string>>): void {
  const seconds = Math.round((Date.now() - beganMs) / 1000)
  beganMs = Date.now()
  if (!HANDFAST_RECORDS) return
  appendFileSync(HANDFAST_RECORDS, `${JSON.stringify({ test, counts, seconds })}\n`)
}
