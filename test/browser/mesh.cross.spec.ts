import { test } from './support/browsers.ts'
import { meshPage, wholeStory } from './support/mesh.ts'

for (const [inviting, accepting] of [
  ['chromium', 'firefox'],
  ['firefox', 'chromium'],
] as const) {
  test(`${inviting} invites, ${accepting} accepts`, async ({ openPeer }) => {
    test.setTimeout(240_000)
    const [alice, bob] = await Promise.all([
      openPeer(inviting, { path: meshPage }),
      openPeer(accepting, { path: meshPage }),
    ])
    await wholeStory(alice.page, bob.page)
  })
}
