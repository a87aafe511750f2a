import { test } from './support/browsers.ts'
import { meshPage, wholeStory } from './support/mesh.ts'

test('two peers of one browser', async ({ openPeer }) => {
  test.setTimeout(240_000)
  const options = { path: meshPage }
  const [alice, bob] = await Promise.all([
    openPeer(undefined, options),
    openPeer(undefined, options),
  ])
  await wholeStory(alice.page, bob.page)
})
