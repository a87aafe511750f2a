/** The site is complete, and what is wrong with it would be found. That it can be built, `npm run docs` says. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { relayLimits } from '../../../lib/base/limits.ts'
import { documents, read, root } from './blocks.ts'

const { problemsOf } = (await import(pathToFileURL(join(root, 'docs/site/check.mjs')).href)) as {
  problemsOf: (folder: string) => string[]
}

test('every document has a page', () => {
  const { readme, projectDocuments } = JSON.parse(read('docs/site/typedoc.json')) as {
    readme: string
    projectDocuments: string[]
  }
  const pages = [readme, ...projectDocuments].map((path) =>
    join('docs/site', path).replaceAll('\\', '/'),
  )
  const isThere = (path: string) =>
    pages.includes(path) || pages.includes(join(dirname(path), '*.md').replaceAll('\\', '/'))
  expect(documents.filter((path) => !isThere(path))).toEqual([])
})

test('defaults of a relay’s limits are those that their comments name', () => {
  const source = read('lib/relay/core.ts')
  const { format } = new Intl.NumberFormat('en')
  for (const [name, value] of Object.entries(relayLimits)) {
    expect(source).toMatch(
      new RegExp(`Default ${format(value)}\\. \\*/\\n  readonly ${name}: number`),
    )
  }
})

describe('a site', () => {
  let folder: string
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'handfast-site-'))))
  afterEach(() => rmSync(folder, { recursive: true }))

  function site(files: Record<string, string>): string[] {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(folder, dirname(path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    return problemsOf(folder)
  }

  const page = '<h1 id="top">a</h1><script src="../a.js"></script><a href="../#x">up</a>'
  const whole = {
    'index.html':
      '<p id="x"></p><a href="guides/a.html#top">a</a> <a href="https://elsewhere.example/">b</a>',
    'guides/a.html': page,
    'a.js': '',
    'a.css': 'p { background: url(data:image/svg+xml,x) }',
  }

  test('that is whole has no problems', () => expect(site(whole)).toEqual([]))

  test.each([
    ['a dead link', '<a href="b.html">', 'guides/a.html: no b.html'],
    ['a place that is not there', '<a href="../#nowhere">', 'guides/a.html: no place ../#nowhere'],
    [
      'a place missing on the page itself',
      '<a href="#nowhere">',
      'guides/a.html: no place #nowhere',
    ],
    [
      'a link that needs the root',
      '<a href="/index.html">',
      'guides/a.html: /index.html works at the root of a server only',
    ],
    [
      'a script from elsewhere',
      '<script src="https://cdn.example/a.js">',
      'guides/a.html: fetches https://cdn.example/a.js',
    ],
    [
      'a style from elsewhere',
      '<link rel=stylesheet href=//cdn.example/a.css>',
      'guides/a.html: fetches //cdn.example/a.css',
    ],
    ['a picture that is missing', "<source srcset='a.png 2x'>", 'guides/a.html: no a.png'],
  ])('%s is found', (_, html, problem) => {
    expect(site({ ...whole, 'guides/a.html': page + html })).toEqual([problem])
  })

  test('a font from elsewhere is found', () => {
    expect(site({ ...whole, 'a.css': '@import "https://fonts.example/a.css";' })).toEqual([
      'a.css: fetches https://fonts.example/a.css',
    ])
  })

  test('that is empty is none', () => expect(site({})).toEqual(['no pages']))
})
