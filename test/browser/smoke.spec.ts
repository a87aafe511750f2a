/** The ground that all other browser tests stand on. */

import { expect, test } from './support/browsers.ts'

test('a page loads the library and has what it needs of the platform', async ({ openPeer }) => {
  const { page, browserName } = await openPeer()
  const found = await page.evaluate(() => ({
    library: typeof handfast.HandfastError,
    webrtc: typeof RTCPeerConnection,
    storage: typeof indexedDB,
    userAgent: navigator.userAgent,
  }))
  expect(found).toMatchObject({ library: 'function', webrtc: 'function', storage: 'object' })
  expect(found.userAgent).toContain(browserName === 'firefox' ? 'Firefox/' : 'Chrome/')
})

test('two peers share nothing, two pages of one peer share a profile', async ({ openPeer }) => {
  const alice = await openPeer()
  const bob = await openPeer()
  await alice.page.evaluate(() => localStorage.setItem('name', 'alice'))
  const aliceAgain = await alice.newPage()
  const read = () => localStorage.getItem('name')
  expect(await aliceAgain.evaluate(read)).toBe('alice')
  expect(await bob.page.evaluate(read)).toBeNull()
})

test('a profile folder outlives its browser', async ({ openPeer, profileFolder }) => {
  const profile = await profileFolder()
  const before = await openPeer(undefined, { profile })
  await before.page.evaluate(() => localStorage.setItem('name', 'alice'))
  await before.close()
  const after = await openPeer(undefined, { profile })
  expect(await after.page.evaluate(() => localStorage.getItem('name'))).toBe('alice')
})

test('what a page throws or logs as an error is noticed', async ({ openPeer, pageErrors }) => {
  const { page } = await openPeer()
  await page.evaluate(() => {
    console.error('logged')
    setTimeout(() => {
      throw new Error('thrown')
    })
  })
  await expect.poll(() => pageErrors.unexpected.length).toBe(2)
  pageErrors.expect(/logged|thrown/)
})
