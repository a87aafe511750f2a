/** Which failures of browser tests CI may look at a second time: few, and none that a slow machine can't explain. */

import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'

const program = pathToFileURL('.ci/second-run.mjs').href
const { mayRunAgain } = (await import(program)) as { mayRunAgain(report: object): string[] }

const inVain = 'Error: expect(locator).toBeVisible() failed\n\nTimeout: 15000ms'
const overdue = 'Test timeout of 60000ms exceeded.'
const closed = 'Error: page.evaluate: Target page, context or browser has been closed'
const wrong = 'Error: expect(received).toEqual(expected)'

const spec = (title: string, errors: string[], { tags = [] as string[], status = '' } = {}) => ({
  file: 'a.spec.ts',
  title,
  tags,
  tests: [
    {
      projectName: 'firefox',
      expectedStatus: status === 'skipped by itself' ? 'skipped' : 'passed',
      status: status ? 'skipped' : errors.length > 0 ? 'unexpected' : 'expected',
      results: [{ errors: errors.map((message) => ({ message })) }],
    },
  ],
})
const report = (...specs: object[]) => ({
  errors: [],
  suites: [{ specs: specs.slice(0, 1), suites: [{ specs: specs.slice(1) }] }],
})

test('two that waited in vain may', () => {
  const fine = [spec('fine', []), spec('not here', [], { status: 'skipped by itself' })]
  const late = [spec('one', [inVain]), spec('two', [overdue, closed])]
  expect(mayRunAgain(report(...fine, ...late))).toEqual([
    '[firefox] a.spec.ts › one',
    '[firefox] a.spec.ts › two',
  ])
  expect(mayRunAgain(report(...fine))).toEqual([])
})

test.each([
  ['a wrong value', spec('x', [wrong])],
  ['a wrong value besides', spec('x', [overdue, wrong])],
  ['a browser that died', spec('x', [closed])],
  ['one that must never fail', spec('x', [inVain], { tags: ['once'] })],
  ['one that never began', spec('x', [], { status: 'skipped by another' })],
])('%s: none may', (_, failed) => {
  expect(mayRunAgain(report(failed))).toEqual([])
  expect(mayRunAgain(report(spec('late', [inVain]), failed))).toEqual([])
})

test('more than two, or an error of no test: none may', () => {
  const late = [1, 2, 3].map((n) => spec(`late ${n}`, [inVain]))
  expect(mayRunAgain(report(...late))).toEqual([])
  expect(mayRunAgain({ ...report(late[0]!), errors: [{ message: 'no server' }] })).toEqual([])
})
