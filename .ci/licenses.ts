/**
 * The licences that go with what is built: Vite lists those of the packages that it bundles, and this adds those of the packages inside
 * `simplepeer.min.js`, which it does not see.
 */

import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const packages = fileURLToPath(new URL('../node_modules', import.meta.url))

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license: string
  readonly author?: string | { readonly name: string }
  readonly dependencies?: Record<string, string>
}

const manifestOf = (name: string) =>
  JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8')) as Manifest

/** What Browserify, which made simple-peer's one file, has put into it besides. */
const shims = [
  ['events - 3.3.0 (MIT)', 'Copyright Joyent, Inc. and other Node contributors.'],
  ['process - 0.11.10 (MIT)', 'Copyright (c) 2013 Roman Shtylman <shtylman@gmail.com>'],
]

/** The licences of the packages in `simplepeer.min.js`, where Vite does not see them; of those without a text, their authors. */
function licensesInSimplePeer(): string {
  const names = new Set(Object.keys(manifestOf('simple-peer').dependencies ?? {}))
  for (const name of names)
    for (const inner of Object.keys(manifestOf(name).dependencies ?? {})) names.add(inner)
  const texts = [...names].sort().map((name) => {
    const { version, license, author } = manifestOf(name)
    const folder = join(packages, name)
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each))
    const by = typeof author === 'object' ? author.name : author
    const text = file ? readFileSync(join(folder, file), 'utf8') : `Copyright (c) ${by}`
    return [`${name} - ${version} (${license})`, text.trim()]
  })
  const sections = [...texts, ...shims].map(([title, text]) => `\n## ${title}\n\n${text}\n`)
  return [
    '\nInside simple-peer; where only a copyright is given, the licence is that of simple-peer.\n',
    ...sections,
  ].join('')
}

/** Completes what Vite writes: the notices have to go with the code. */
export const innerLicenses = (fileName: string): Plugin => ({
  name: 'inner-licenses',
  apply: 'build',
  writeBundle: {
    order: 'post',
    handler({ dir = '' }) {
      const file = join(dir, fileName)
      if (existsSync(file)) appendFileSync(file, licensesInSimplePeer())
    },
  },
})
