import { expect, test } from 'vitest'
import { Leadership } from '../../../lib/mesh/leadership.ts'
import { currentGeneration, FencedStore, takeLead } from '../../../lib/storage/fenced-store.ts'
import { seededBytes } from '../../support/seeded.ts'
import { TabWorld, type Tab } from '../../support/tab-world.ts'

interface Candidate {
  readonly tab: Tab
  readonly leadership: Leadership
  readonly seen: string[]
  /** By the generation it last led with. */
  fenced: FencedStore | undefined
}

function join(world: TabWorld, seed?: number): Candidate {
  const tab = world.open(seed)
  const leadership = new Leadership(tab)
  const candidate: Candidate = { tab, leadership, seen: [], fenced: undefined }
  leadership.on('lead', ({ generation }) => {
    candidate.seen.push(`lead ${generation}`)
    candidate.fenced = new FencedStore(tab.store, generation)
  })
  leadership.on('follow', (leader) => candidate.seen.push(`follow ${leader}`))
  leadership.on('lost', () => candidate.seen.push('lost'))
  return candidate
}

async function joined(count: number, seed?: number) {
  const world = new TabWorld()
  const candidates: Candidate[] = []
  for (let i = 0; i < count; i++) {
    candidates.push(join(world, seed))
    await world.clock.settle()
  }
  return { world, candidates }
}

const leaders = (candidates: Candidate[]) =>
  candidates.filter(({ tab, leadership }) => !tab.isDead && leadership.leads)

const write = ({ fenced }: Candidate) =>
  fenced!
    .transaction(['outbox'], { mode: 'write' }, (tx) => tx.put('outbox', 'a', 1))
    .then(
      () => 'written',
      ({ code }: { code: string }) => code,
    )

test('the first tab leads, those after it follow', async () => {
  const { candidates } = await joined(3)
  expect(candidates.map(({ seen }) => seen)).toEqual([
    ['lead 1'],
    ['follow tab 0'],
    ['follow tab 0'],
  ])
  expect(leaders(candidates)).toEqual([candidates[0]])
  expect(candidates.map(({ leadership }) => leadership.leaderId)).toEqual(Array(3).fill('tab 0'))
  expect(await write(candidates[0]!)).toBe('written')
})

test('nothing changes while the leader lives', async () => {
  const { world, candidates } = await joined(3)
  await world.clock.advance(60_000)
  expect(candidates.map(({ seen }) => seen.length)).toEqual([1, 1, 1])
})

test('when the leader dies the next in line leads at once', async () => {
  const { world, candidates } = await joined(3)
  candidates[0]!.tab.die()
  await world.clock.settle()
  expect(candidates[1]!.seen).toEqual(['follow tab 0', 'lead 2'])
  expect(candidates[2]!.seen).toEqual(['follow tab 0', 'follow tab 1'])
})

test('a leader that closes hands over without a word', async () => {
  const { world, candidates } = await joined(2)
  candidates[0]!.leadership.close()
  await world.clock.settle()
  expect(candidates[0]!.seen).toEqual(['lead 1'])
  expect(candidates[0]!.leadership.leads).toBe(false)
  expect(await candidates[0]!.leadership.check()).toBe(false)
  expect(candidates[1]!.seen).toContain('lead 2')
})

test('a leader that hangs is replaced within 4 s, and on waking never believes that it leads', async () => {
  const { world, candidates } = await joined(3)
  const [old] = candidates
  await world.clock.advance(1_010)
  old!.tab.freeze()
  await world.clock.advance(2_900)
  expect(leaders(candidates.slice(1))).toEqual([])
  await world.clock.advance(1_100)
  const [fresh, ...others] = leaders(candidates.slice(1))
  expect(others).toEqual([])
  expect(fresh!.seen.at(-1)).toBe('lead 2')

  // Before anything that waited in it has run.
  expect(old!.leadership.leads).toBe(false)
  const writing = write(old!)
  await old!.tab.thaw()
  expect(await writing).toBe('not-leading')
  await world.clock.settle()
  expect(old!.seen).toEqual(['lead 1', 'lost', `follow ${fresh!.tab.hub.id}`])
  expect(await old!.leadership.check()).toBe(false)
  expect(await write(fresh!)).toBe('written')
})

test('a leader that slept and was not replaced leads on, once it has checked', async () => {
  const { world, candidates } = await joined(1)
  const [only] = candidates
  only!.tab.freeze()
  await world.clock.advance(3_600_000)
  expect(only!.leadership.leads).toBe(false)
  await only!.tab.thaw()
  expect(await only!.leadership.check()).toBe(true)
  expect(only!.leadership.leads).toBe(true)
  expect(only!.seen).toEqual(['lead 1'])
})

test('a follower that slept does not hold the silence against the leader', async () => {
  const { world, candidates } = await joined(2)
  candidates[1]!.tab.freeze()
  await world.clock.advance(60_000)
  await candidates[1]!.tab.thaw()
  await world.clock.advance(10_000)
  expect(candidates[0]!.seen).toEqual(['lead 1'])
})

test('a leader whose timers are slow is not replaced as long as it answers', async () => {
  const world = new TabWorld()
  const tab = world.open()
  const { setTimer } = tab.runtime
  Object.assign(tab.runtime, {
    setTimer: (delayMs: number, callback: () => void) =>
      setTimer(Math.ceil((world.line.elapsedMs + delayMs) / 60_000) * 60_000, callback),
  })
  const slow = new Leadership(tab)
  const seen: string[] = []
  slow.on('lost', () => seen.push('lost'))
  await world.clock.settle()
  const other = join(world)
  await world.clock.advance(600_000)
  expect(seen).toEqual([])
  expect(other.seen).toEqual(['follow tab 0'])
})

test('two that steal at once: one leads in the end', async () => {
  const world = new TabWorld()
  const candidates = [join(world), join(world, 7), join(world, 7), join(world, 7)]
  await world.clock.settle()
  candidates[0]!.tab.freeze()
  await world.clock.advance(10_000)
  const [leader, ...others] = leaders(candidates.slice(1))
  expect(others).toEqual([])
  const written = await Promise.all(
    candidates
      .slice(1)
      .filter((c) => c.fenced)
      .map(write),
  )
  expect(written.filter((outcome) => outcome === 'written')).toHaveLength(1)
  expect(await write(leader!)).toBe('written')
})

test('a theft between the lock and the store: the thief that was overtaken there comes to lead again', async () => {
  const { world, candidates } = await joined(2)
  const [first, second] = candidates
  // The old leader raises the generation once more, as a tab does that was stolen from while it took the lead.
  const stranger = world.open()
  const { generation } = await takeLead(world.store, stranger.runtime)
  stranger.hub.post(['probe', stranger.hub.id, generation])
  await world.clock.advance(5_000)
  const [leader, ...others] = leaders(candidates)
  expect(others).toEqual([])
  expect(first!.seen.slice(0, 2)).toEqual(['lead 1', 'lost'])
  expect(leader!.seen.at(-1)).toBe('lead 3')
  expect(await write(leader!)).toBe('written')
  expect(second!.tab.isDead).toBe(false)
})

test('a store that fails keeps a tab from leading, not the others, and not for ever', async () => {
  const world = new TabWorld()
  const tab = world.open()
  const { transaction } = tab.store
  Object.assign(tab.store, { transaction: () => Promise.reject(new Error('disk')) })
  const seen: string[] = []
  const broken = new Leadership(tab)
  broken.on('lead', ({ generation }) => seen.push(`lead ${generation}`))
  await world.clock.settle()
  expect(broken.leads).toBe(false)
  const other = join(world)
  await world.clock.settle()
  expect(other.seen).toEqual(['lead 1'])
  other.tab.die()
  Object.assign(tab.store, { transaction })
  await world.clock.advance(5_000)
  expect(seen).toEqual(['lead 2'])
})

test('whatever else is said on the channel changes nothing', async () => {
  const { world, candidates } = await joined(2)
  const stranger = world.open()
  const nonsense: unknown[] = [null, 1, 'beat', [], ['beat'], ['beat', 1, 2], ['beat', 'x', 'y']]
  nonsense.push(['beat', 'x', 1.5], ['beat', 'x', -1], ['lost', 'x', 9], ['beat', 'x', 0, 0], {})
  nonsense.push(['probe', 'x', Number.MAX_SAFE_INTEGER], ['beat', 'tab 0', 0])
  for (const message of nonsense) stranger.hub.post(message as never)
  await world.clock.advance(10_000)
  expect(candidates.map(({ seen }) => seen)).toEqual([['lead 1'], ['follow tab 0']])
})

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'many tabs freeze, wake, come and go (seed %i): one leads in the end, and two never write',
  async (seed) => {
    const random = seededBytes(seed)
    const pick = (below: number) => (random(2)[0]! * 256 + random(1)[0]!) % below
    const { world, candidates } = await joined(6)
    for (let step = 0; step < 60; step++) {
      const { tab } = candidates[pick(candidates.length)]!
      const what = pick(10)
      if (what < 4) tab.freeze()
      else if (what < 8) await tab.thaw()
      else if (what === 8) tab.die()
      else candidates.push(join(world))
      await world.clock.advance(pick(3_000))
      const current = await currentGeneration(world.store)
      const awake = candidates.filter(({ tab: { isDead }, fenced }) => !isDead && fenced)
      const writes = awake.map((each) => Promise.race([write(each), world.clock.settle()]))
      const written = (await Promise.all(writes)).filter((outcome) => outcome === 'written')
      expect(written.length, `generation ${current}`).toBeLessThanOrEqual(1)
    }
    for (const { tab } of candidates) await tab.thaw()
    candidates.push(join(world))
    await world.clock.advance(10_000)
    const [leader, ...others] = leaders(candidates)
    expect(others).toEqual([])
    expect(await write(leader!)).toBe('written')
    const living = candidates.filter(({ tab }) => !tab.isDead)
    expect(new Set(living.map(({ leadership }) => leadership.leaderId)).size).toBe(1)
  },
)
