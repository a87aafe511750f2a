/** What the documents name is there: modules, files, tables of the store, kinds of the trace, options and metrics of the relay. */

import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { rooms } from '../../structure/rules.ts'
import { RelayMetrics } from '../../../lib/relay/metrics.ts'
import { tables } from '../../../lib/storage/store.ts'
import { documents, read, root } from './blocks.ts'

const quoted = (text: string) => [...text.matchAll(/`([^`\n]+)`/g)].map(([, name]) => name!)
const isThere = (path: string) => existsSync(join(root, path))

/** What stands in back-quotes in the first column of a table. */
function firstColumn(file: string, heading: string): string[] {
  const lines = read(file).split('\n')
  const start = lines.findIndex((line) => line.split('|')[1]?.trim() === heading)
  expect(start, `${file} has no table of ${heading}`).toBeGreaterThan(-1)
  const rest = lines.slice(start + 2)
  const end = rest.findIndex((line) => !line.startsWith('|'))
  return rest.slice(0, end).flatMap((line) => quoted(line.split('|')[1]!))
}

describe.each(documents)('%s', (file) => {
  // A report is of its day.
  const names = file.startsWith('docs/reports/') ? [] : quoted(read(file))

  test('names files that are there', () => {
    const paths = names.filter((name) => /^(lib|test|demo|docs|\.ci)\/[\w./-]+$/.test(name))
    // Made by a command, hence not here at first.
    expect(paths.filter((path) => path !== 'docs/site/dist' && !isThere(path))).toEqual([])
  })

  test('names modules that are there', () => {
    const modules = names.filter((name) => rooms.some((room) => name.startsWith(`${room}/`)))
    // What the store keeps in its table `mesh` looks the same.
    const isKept = (name: string) => /^mesh\/(database|leader$|over\/)/.test(name)
    expect(modules.filter((name) => !isKept(name) && !isThere(`lib/${name}.ts`))).toEqual([])
  })
})

test('what a module of the drawings does, is in it', () => {
  const modules = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' })
  const problems = [...read('docs/architecture.md').matchAll(/\b([a-z]+)\.([a-z]\w+)\b/g)].flatMap(
    ([whole, name, method]) => {
      const file = modules.find((each) => basename(each) === `${name}.ts`)
      if (method === 'ts' || !file) return []
      return new RegExp(`\\b${method}\\b`).test(read(`lib/${file}`)) ? [] : [whole]
    },
  )
  expect(problems).toEqual([])
})

test('the tables of the store are those of its schema', () => {
  expect(firstColumn('docs/architecture.md', 'table').sort()).toEqual([...tables].sort())
})

test('the kinds of the trace are those of its type', () => {
  const [, details] = /interface TraceDetails \{\n([^]*?)\n\}/.exec(read('lib/mesh/trace.ts'))!
  const kinds = [...details!.matchAll(/^ {2}'?([\w-]+)'?:/gm)].map(([, kind]) => kind!)
  expect(kinds.length).toBeGreaterThan(10)
  expect(firstColumn('docs/guides/developer-tools.md', 'kind').sort()).toEqual(kinds.sort())
})

test('the options of the relay are those of its help', () => {
  const [, usage] = /const usage = `([^`]*)`/.exec(read('lib/relay/cli.ts'))!
  const inHelp = [...usage!.matchAll(/^ {2}(--[\w-]+)/gm)].map(([, option]) => option!)
  const described = firstColumn('docs/guides/run-a-relay.md', 'option')
    .map((option) => option.split(' ')[0]!)
    .filter((option) => option.startsWith('--'))
  const explained = [...described, '--help', '--version']
  expect(explained.sort()).toEqual(inHelp.sort())
})

test('the metrics of the relay are those that it has', () => {
  const rendered = new RelayMetrics().render(0, 0)
  const named = firstColumn('docs/guides/run-a-relay.md', 'in `/metrics`')
  expect(named.length).toBeGreaterThan(3)
  for (const metric of named) expect(rendered).toContain(metric.replace('…', ''))
})
