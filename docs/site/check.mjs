/** Checks the built site: every link leads to a page and place that is there, and nothing is fetched from anywhere else. */

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const attributes = /<([a-z][a-z0-9-]*)\b((?:"[^"]*"|'[^']*'|[^'">])*)>/gi
const attribute = /([a-z:-]+)=(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/gi
const isElsewhere = (url) => /^[a-z][a-z0-9+.-]*:|^\/\//i.test(url)
const unescaped = (text) => text.replaceAll('&amp;', '&').replaceAll('&quot;', '"')

/** What is wrong, as lines to read. */
export function problemsOf(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
  const present = new Set(files.map((file) => file.replaceAll('\\', '/')))
  const pages = new Map()
  const problems = []

  for (const file of present) {
    const text = readFileSync(join(folder, file), 'utf8')
    if (file.endsWith('.html')) pages.set(file, parse(text))
    if (file.endsWith('.css')) {
      for (const [, url] of text.matchAll(/(?:url\(\s*|@import\s+)["']?([^"')\s]+)/g)) {
        if (isElsewhere(url) && !url.startsWith('data:')) problems.push(`${file}: fetches ${url}`)
      }
    }
  }

  for (const [page, { links, fetched }] of pages) {
    for (const url of fetched) {
      if (isElsewhere(url) && !url.startsWith('data:')) problems.push(`${page}: fetches ${url}`)
    }
    for (const url of [...links, ...fetched]) {
      if (isElsewhere(url)) continue
      if (url.startsWith('/')) {
        problems.push(`${page}: ${url} works at the root of a server only`)
        continue
      }
      const [path, place] = url.split('#')
      const file = decodeURIComponent(path.endsWith('/') ? `${path}index.html` : path)
      const target = file ? join(dirname(page), file).replaceAll('\\', '/') : page
      if (!present.has(target)) problems.push(`${page}: no ${url}`)
      else if (
        place &&
        pages.has(target) &&
        !pages.get(target).ids.has(decodeURIComponent(place))
      ) {
        problems.push(`${page}: no place ${url}`)
      }
    }
  }
  if (pages.size === 0) problems.push('no pages')
  return problems
}

function parse(html) {
  const ids = new Set()
  const links = []
  const fetched = []
  for (const [, name, all] of html.matchAll(attributes)) {
    for (const [, key, ...values] of all.matchAll(attribute)) {
      const value = unescaped(values.find((each) => each !== undefined))
      if (key === 'id' || (key === 'name' && name === 'a')) ids.add(value)
      else if (key === 'href') (name === 'a' ? links : fetched).push(value)
      else if (key === 'src') fetched.push(value)
      else if (key === 'srcset') {
        fetched.push(...value.split(',').map((each) => each.trim().split(/\s+/)[0]))
      }
    }
  }
  return { ids, links, fetched }
}
