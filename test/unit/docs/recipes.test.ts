/** The module of `docs/guides/recipes.md` that all frameworks share: opened once, closed when the last component has gone. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { HandfastError } from '../../../lib/base/errors.ts'
import type { Mesh } from '../../../lib/mesh/mesh.ts'
import { blocks } from './blocks.ts'
import { blockWith, InMemory, runBlock } from './running-blocks.ts'

const file = 'docs/guides/recipes.md'

interface SharedMesh {
  subscribe(changed: () => void): () => void
  snapshot(): { mesh?: Mesh; links: readonly unknown[]; error?: unknown }
}

let memory: InMemory
let shared: SharedMesh
/** What waits to close. */
const timers: (() => Promise<void>)[] = []
/** Fails the next openings. */
let trouble: unknown

beforeEach(async () => {
  memory = new InMemory()
  timers.length = 0
  trouble = undefined
  const { handfast } = memory
  const Mesh = {
    open: async (options: never) => {
      if (trouble) throw trouble
      return (handfast['Mesh'] as typeof import('../../../lib/index.ts').Mesh).open(options)
    },
  }
  const code = blockWith(file, '// shared-mesh.ts')
  const names = {
    setTimeout: (callback: () => Promise<void>) => timers.push(callback),
    console: { log() {} },
  }
  shared = (await runBlock(
    code,
    { handfast: { ...handfast, Mesh } },
    names,
  )) as unknown as SharedMesh
})
afterEach(() => memory.world.close())

const lingered = () => Promise.all(timers.splice(0).map((close) => close()))
const opened = () => expect.poll(() => shared.snapshot().mesh).toBeDefined()

test('each recipe fits on a screen', () => {
  const lengths = blocks
    .filter((block) => block.file === file)
    .map(({ code }) => code.split('\n').length - 1)
  expect(lengths).toHaveLength(4)
  expect(Math.max(...lengths)).toBeLessThanOrEqual(51)
})

test('several components share one mesh, and hear of changes', async () => {
  const heard = [vi.fn(), vi.fn()] as const
  heard.forEach((each) => shared.subscribe(each))
  await opened()
  expect(memory.opened).toHaveLength(1)
  const before = shared.snapshot()
  expect(shared.snapshot()).toBe(before)
  const other = await memory.world.peer()
  heard.forEach((each) => each.mockClear())
  await other.mesh.accept(await memory.opened[0]!.invite())
  await expect.poll(() => shared.snapshot().links).toMatchObject([{ state: 'open' }])
  for (const each of heard) expect(each).toHaveBeenCalled()
  expect(shared.snapshot()).not.toBe(before)
})

test('a component that goes and comes back at once costs no session', async () => {
  const changed = vi.fn()
  const leave = shared.subscribe(changed)
  shared.subscribe(changed)
  leave()
  leave()
  await opened()
  await lingered()
  expect(memory.opened).toHaveLength(1)
  expect(shared.snapshot().mesh).toBe(memory.opened[0])
  expect(changed).toHaveBeenCalledOnce()
})

test('when the last has gone it is closed, and opened anew for the next', async () => {
  const leave = shared.subscribe(() => {})
  await opened()
  leave()
  await lingered()
  expect(shared.snapshot()).toEqual({ links: [] })
  await expect(memory.opened[0]!.invite()).rejects.toMatchObject({ code: 'closed' })
  shared.subscribe(() => {})
  await opened()
  expect(memory.opened).toHaveLength(2)
  expect(memory.opened[1]!.peer).toBe(memory.opened[0]!.peer)
})

test('one that has gone before it was open leaves nothing open', async () => {
  shared.subscribe(() => {})()
  await lingered()
  expect(shared.snapshot()).toEqual({ links: [] })
  await expect(memory.opened[0]!.invite()).rejects.toMatchObject({ code: 'closed' })
})

test('what fails is told, and tried again for who comes later', async () => {
  trouble = new HandfastError('storage-failed')
  const leave = shared.subscribe(() => {})
  await expect.poll(() => shared.snapshot().error).toBe(trouble)
  leave()
  await lingered()
  trouble = undefined
  shared.subscribe(() => {})
  await opened()
  expect(shared.snapshot().error).toBeUndefined()
})

test('Vue: follows while it is mounted', async () => {
  const vue = await import('@vue/runtime-dom')
  const { useMesh } = await runBlock(blockWith(file, '// use-mesh.ts\n'), {
    vue,
    './shared-mesh': shared,
  })
  const seen: number[] = []
  const nothing = () => ({})
  const { createApp } = vue.createRenderer({
    insert() {},
    remove() {},
    patchProp() {},
    createElement: nothing,
    createText: nothing,
    createComment: nothing,
    setText() {},
    setElementText() {},
    parentNode: nothing,
    nextSibling: () => null,
  })
  const app = createApp({
    setup() {
      const state = useMesh!() as { value: ReturnType<SharedMesh['snapshot']> }
      return () => (seen.push(state.value.links.length), vue.h('p'))
    },
  })
  app.mount({})
  await opened()
  const other = await memory.world.peer()
  await other.mesh.accept(await memory.opened[0]!.invite())
  await expect.poll(() => seen.at(-1)).toBe(1)
  app.unmount()
  await lingered()
  expect(shared.snapshot()).toEqual({ links: [] })
})
