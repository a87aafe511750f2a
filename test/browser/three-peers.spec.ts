/** Three peers, each linked with both others: what is said reaches the one it was said to, also after one of them was away. */

import type { Page } from '@playwright/test'
import type {} from './pages/mesh.ts'
import { expect, test } from './support/browsers.ts'
import { meshPage } from './support/mesh.ts'

const messagesEach = 20

interface Person {
  readonly page: Page
  readonly id: string
}

const expectLinked = (people: readonly Person[]) =>
  Promise.all(
    people.map(({ page }) =>
      expect
        .poll(() => page.evaluate(async () => (await peer).states), { timeout: 20_000 })
        .toEqual(people.slice(1).map(() => 'open')),
    ),
  )

async function introduce(inviting: Person, accepting: Person): Promise<void> {
  const ticket = await inviting.page.evaluate(async () => (await peer).invite())
  const met = await accepting.page.evaluate(async (text) => (await peer).accept(text), ticket)
  expect(met).toBe(inviting.id)
}

/** What one says to another: nobody else is told the same. */
const words = (from: Person, to: Person, topic: string) =>
  Array.from({ length: messagesEach }, (_, n) => `${topic} ${n}, ${from.id} to ${to.id}`)

/** Everybody tells everybody else at once; each has then heard what was meant for it, in order, and nothing more. */
async function talk(people: readonly Person[], topic: string): Promise<void> {
  const others = (one: Person) => people.filter((other) => other !== one)
  await Promise.all(
    people.flatMap((from) =>
      others(from).map((to) =>
        from.page.evaluate(async ([id, texts]) => (await peer).tell(id, texts), [
          to.id,
          words(from, to, topic),
        ] as const),
      ),
    ),
  )
  for (const to of people) {
    const heard = await to.page.evaluate(async () => (await peer).takeReceived())
    const meant = others(to).map((from) => [from.id, words(from, to, topic)])
    expect(heard).toEqual(Object.fromEntries(meant))
  }
}

test('three peers, every two of them linked', async ({ openPeer }) => {
  test.setTimeout(240_000)
  const people = await Promise.all(
    [1, 2, 3].map(async (): Promise<Person> => {
      const { page } = await openPeer(undefined, { path: meshPage })
      return { page, id: await page.evaluate(async () => (await peer).mesh.peer) }
    }),
  )
  const [alice, bob, carol] = people as [Person, Person, Person]
  expect(new Set(people.map(({ id }) => id)).size).toBe(3)

  // Each invites one and is invited by another, all at the same time.
  await Promise.all([introduce(alice, bob), introduce(bob, carol), introduce(carol, alice)])
  await expectLinked(people)
  await talk(people, 'Hello')

  await Promise.all([alice.page.reload(), talk([bob, carol], 'While Alice is away')])
  await expectLinked(people)
  await talk(people, 'Welcome back')
})
