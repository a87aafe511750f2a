/**
 * The demo's wallet. Both people by clicks through every flow; then two who do whatever comes to their minds, while pages reload, leave, come
 * back, and die between storing and sending: in the end both books are equal. That is seeded, 100 deeds in `npm test` and 1,000 in
 * `npm run campaign`, and drives the same wallet from a page without looks.
 */

import type { Page } from '@playwright/test'
import type { Deed } from './pages/wallet.ts'
import { record, tier } from '../support/campaign.ts'
import { seededRandom } from '../support/seeded.ts'
import { test } from './support/browsers.ts'
import { button, expect, heading, meet } from './support/demo.ts'

const deeds = tier(100, 1000)
const seed = 5

test.describe.configure({ timeout: tier(180_000, 600_000) })

const tallyWith = (page: Page, name: string) => press(page, new RegExp(`^Tally with ${name}`))
const press = (page: Page, name: string | RegExp) => button(page, name).click()

const field = (page: Page, name: string) => page.getByLabel(name, { exact: true })
const balance = (page: Page) =>
  page
    .getByRole('status')
    .filter({ hasText: /owe|even/ })
    .first()
const history = (page: Page) => page.getByRole('region', { name: 'History' }).getByRole('listitem')
const latest = (page: Page) => history(page).first()

async function propose(
  page: Page,
  other: string,
  terms: Record<'name' | 'unit' | 'theirs' | 'own', string>,
) {
  await field(page, 'What it is about').fill(terms.name)
  await field(page, 'Counted in').fill(terms.unit)
  await field(page, `${other} may owe you up to`).fill(terms.theirs)
  await field(page, `You may owe ${other} up to`).fill(terms.own)
}

async function enter(page: Page, amount: string, what: string, note = '') {
  await page.getByLabel(/^Amount in/).fill(amount)
  await field(page, 'What for (optional)').fill(note)
  await press(page, what)
}

async function compareBooks(...pages: Page[]) {
  for (const page of pages) {
    await press(page, 'Compare books')
    await expect(page.getByText(/^The books agree\./)).toBeVisible()
  }
}

test('a tally is refused, countered and accepted; two pay, ask and decline; books agree', async ({
  context,
}) => {
  const { anna, ben } = await meet(context)
  await tallyWith(anna, 'ben')
  await tallyWith(ben, 'anna')

  await press(anna, 'Sign and send offer')
  await expect(anna.getByText('Say what it is about')).toBeVisible()
  await propose(anna, 'ben', { name: 'Lunches', unit: 'EUR', theirs: '1000', own: 'much' })
  await expect(
    anna.getByText('Only digits 0 to 9 and one point or comma, such as 12.50'),
  ).toBeVisible()
  await propose(anna, 'ben', { name: 'Lunches', unit: 'EUR', theirs: '1000', own: '20.50' })
  await press(anna, 'Sign and send offer')
  await expect(anna.getByText('ben has it. Waiting for an answer.')).toBeVisible()

  await expect(heading(ben, /^anna offers you a tally/)).toBeVisible()
  await expect(ben.getByText('1,000.00 EUR')).toBeVisible()
  await press(ben, 'Refuse…')
  await field(ben, 'Why (optional)').fill('Too much for me')
  await press(ben, 'Refuse')
  await expect(anna.getByText('ben refused your offer “Lunches”: Too much for me')).toBeVisible()

  // What was offered before is there to be changed.
  await field(anna, 'ben may owe you up to').fill('100')
  await press(anna, 'Sign and send offer')
  await expect(heading(ben, /^anna offers you a tally/)).toBeVisible()
  await press(anna, 'Take back: your offer “Lunches”…')
  await press(anna, 'Let it stand')
  await press(anna, 'Take back: your offer “Lunches”…')
  await press(anna, 'Take it back')
  await expect(ben.getByText('anna took back the offer “Lunches”')).toBeVisible()
  await expect(anna.getByText('You took back your offer “Lunches”, and ben knows')).toBeVisible()
  await press(anna, 'Sign and send offer')
  await press(ben, 'Change the terms…')
  await propose(ben, 'anna', { name: 'Lunches', unit: 'EUR', theirs: '30', own: '50' })
  await press(ben, 'Sign and send counter-offer')
  await expect(heading(anna, /^ben makes a counter-offer/)).toBeVisible()
  await press(anna, 'Sign and accept')
  for (const page of [anna, ben]) await expect(balance(page)).toContainText('0.00 EUR')

  await enter(anna, '30.01', 'Pay ben')
  await expect(anna.getByText('At most 30.00 EUR')).toBeVisible()
  await enter(anna, '12,50', 'Pay ben', 'Soup')
  await expect(balance(anna)).toHaveText('You owe ben12.50 EUR')
  await expect(balance(ben)).toHaveText('anna owes you12.50 EUR')
  await expect(latest(ben)).toContainText('anna paid you 12.50 EUR')
  await expect(latest(ben)).toContainText('Soup')
  await expect(latest(anna)).toContainText('Delivered')

  await enter(ben, '4', 'Ask for it', 'Bread')
  await press(anna, 'Pay 4.00 EUR')
  await expect(balance(ben)).toHaveText('anna owes you16.50 EUR')
  await expect(history(anna).filter({ hasText: 'You paid ben 12.50 EUR' })).toContainText(
    'Confirmed',
  )
  await enter(ben, '90', 'Ask for it', 'Wine')
  await expect(heading(anna, 'Waiting for your answer')).toBeVisible()
  await press(anna, 'Decline 90.00 EUR…')
  await press(ben, 'Take back: your request for 90.00 EUR…')
  await press(ben, 'Take it back')
  await expect(latest(anna)).toContainText('ben took back their request for 90.00 EUR')
  await expect(heading(anna, 'Waiting for your answer')).toHaveCount(0)
  // With it the question about it is gone, and does not come back with the next.
  await expect(anna.getByRole('dialog')).toHaveCount(0)
  await enter(ben, '9', 'Ask for it', 'Wine')
  await press(anna, 'Decline 9.00 EUR…')
  await field(anna, 'Why (optional)').fill('I had none')
  await press(anna, 'Decline')
  await expect(latest(ben)).toContainText('anna declined the request for 9.00 EUR')
  await expect(latest(ben)).toContainText('I had none')

  await compareBooks(anna, ben)
  for (const page of [anna, ben]) {
    await page.reload()
    await expect(history(page)).toHaveCount(14)
  }
  await expect(balance(anna)).toHaveText('You owe ben16.50 EUR')
  await press(anna, 'Wallet')
  await expect(anna.getByRole('region', { name: 'In all' })).toContainText('You owe16.50 EUR')

  // Whoever is removed is not paid by that.
  await press(anna, /^ben Lunches/)
  await press(anna, 'About ben')
  await press(anna, 'Remove ben…')
  await expect(anna.getByText('You owe ben 16.50 EUR.')).toBeVisible()
  await press(anna, 'Forget')
  await press(anna, 'Wallet')
  const gone = anna.getByRole('region', { name: 'With people who are gone' })
  await expect(gone).toContainText('Lunches · you owe16.50 EUR')
})

test('paid while the other is away: it waits, and arrives later; settled, the tally is closed', async ({
  context,
}) => {
  const { anna, ben } = await meet(context)
  await tallyWith(anna, 'ben')
  await propose(anna, 'ben', { name: 'Work', unit: 'hours', theirs: '10', own: '10' })
  await press(anna, 'Sign and send offer')
  await tallyWith(ben, 'anna')
  await press(ben, 'Sign and accept')
  await expect(balance(anna)).toContainText('even')

  await ben.goto('about:blank')
  await expect(anna.getByText('ben gets it when you both are here.')).toBeVisible()
  await enter(anna, '1.5', 'Pay ben', 'Garden')
  await expect(latest(anna)).toContainText('Waiting')
  await expect(balance(anna)).toHaveText('You owe ben1.50 hours')
  await anna.reload()
  await expect(latest(anna)).toContainText('Waiting')
  await ben.goto('/?as=ben')
  await expect(latest(anna)).toContainText('Delivered')
  await press(ben, 'Wallet')
  await press(ben, /^anna Work · owes you/)
  await expect(balance(ben)).toHaveText('anna owes you1.50 hours')

  await expect(button(ben, 'Close the tally')).toBeDisabled()
  await enter(ben, '1.5', 'Pay anna', 'Thanks')
  await press(ben, 'Close the tally')
  await press(anna, 'Keep it open')
  await expect(latest(ben)).toContainText('anna kept the tally open')
  await press(ben, 'Close the tally')
  await press(anna, 'Agree and close')
  for (const page of [anna, ben]) {
    await expect(heading(page, /^Open a tally with/)).toBeVisible()
  }
  await compareBooks(ben)
})

const address = (name: string) => `/test/browser/pages/wallet.html?name=${name}`
const settled = (page: Page) => page.evaluate(async () => (await walletUnderTest).settled())

test(`books agree after ${deeds} random deeds @once`, async ({ context, expectError }) => {
  // A page that is left while it opens.
  expectError(/libsodium needs WebAssembly/)
  const random = seededRandom(seed)
  const below = (count: number) => Math.floor(random() * count)
  const names = ['anna', 'ben'] as const
  const pages: Page[] = []
  for (const name of names) {
    const page = await context.newPage()
    await page.goto(address(name))
    pages.push(page)
  }
  const [anna, ben] = pages as [Page, Page]
  const ticket = await anna.evaluate(async () => (await walletUnderTest).invite())
  await ben.evaluate(async (text) => (await walletUnderTest).accept(text), ticket)

  const what = [
    'pay',
    'pay',
    'pay',
    'pay',
    'request',
    'request',
    'decline',
    'withdraw',
    'close',
    'keep',
  ] as const
  const deed = (): Deed => ({
    what: what[below(what.length)]!,
    amount: 1 + below(9_000),
    pick: below(1000),
  })
  const counts = { deeds: 0, reloads: 0, absences: 0, crashes: 0, entries: 0 }
  const away = new Set<number>()
  const done = async (who: number) => {
    const some = Array.from({ length: 1 + below(3) }, deed)
    counts.deeds += some.length
    await pages[who]!.evaluate(async (list) => (await walletUnderTest).does(list), some)
  }
  while (counts.deeds < deeds) {
    const who = below(2)
    const page = pages[who]!
    const chance = random()
    if (chance < 0.08) {
      counts.reloads++
      away.delete(who)
      await (page.url() === 'about:blank' ? page.goto(address(names[who]!)) : page.reload())
    } else if (chance < 0.14) {
      counts.absences++
      away.add(who)
      await page.goto('about:blank')
    } else if (chance < 0.2 && !away.has(who)) {
      // Gone in the middle: signed or not, stored or not, sent or not.
      counts.crashes++
      counts.deeds++
      await page.evaluate(
        async ([one, delayMs]) => {
          const wallet = await walletUnderTest
          void wallet.does([one]).catch(() => {})
          await new Promise((resolve) => setTimeout(resolve, delayMs))
        },
        [deed(), below(12)] as const,
      )
      await page.goto(address(names[who]!))
    } else {
      await Promise.all([0, 1].filter((each) => !away.has(each)).map(done))
    }
    if (away.size === 2) {
      away.delete(who)
      await page.goto(address(names[who]!))
    }
  }
  for (const who of away) await pages[who]!.goto(address(names[who]!))

  // A comparison under way may have begun before the other side caught up, or end with the session it was asked over.
  let both: Awaited<ReturnType<typeof settled>>[] = []
  await expect(async () => {
    both = [await settled(anna), await settled(ben)]
    expect(both.map(({ agrees }) => agrees)).toEqual([true, true])
  }).toPass({ timeout: 20_000 })
  const [hers, his] = both as [(typeof both)[0], (typeof both)[0]]
  expect(his).toEqual({ ...hers, balance: negated(hers.balance) })
  expect(hers.faults).toEqual([null, 0, false])
  expect(hers.verified).toBe(hers.entries.flat().length)
  counts.entries = hers.verified
  expect(counts.entries).toBeGreaterThan(deeds / 4)
  record('wallet: random deeds with reloads, absences and crashes', counts)
})

const negated = (balance: string) =>
  balance === 'none' || balance === '0'
    ? balance
    : balance.startsWith('-')
      ? balance.slice(1)
      : `-${balance}`
