/**
 * One configuration for `npm start`, the unit tests, the build of the library (`npm run build`) and that of the demo
 * (`npm run demo:build`).
 */

import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'
import { innerLicenses } from './.ci/licenses.ts'
import { relayPlugin } from './lib/relay/vite.ts'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

const singleFileLicenses = 'handfast.min.js.LICENSES.md'
const demoLicenses = 'LICENSES.md'

/** The library as one file for pages without a bundler; its modules, one by one, are tsc's (tsconfig.build.json). */
const singleFile = {
  target: 'es2023',
  sourcemap: true,
  minify: true,
  lib: {
    entry: path('lib/index.ts'),
    formats: ['es' as const],
    fileName: () => 'handfast.min.js',
  },
  license: { fileName: singleFileLicenses },
  rolldownOptions: {
    output: {
      codeSplitting: false,
      minify: true,
      sourcemapExcludeSources: true,
      postBanner: `/*! Handfast, MIT License. Other packages in it: ${singleFileLicenses} */`,
    },
  },
}

const demo = { target: 'es2023', outDir: 'dist-demo', license: { fileName: demoLicenses } }

/** Tells the demo of the relay that Vite's server runs beside it. */
export const relayBeside: Plugin = {
  name: 'relay-beside',
  transformIndexHtml: (html) =>
    html.replace('name="handfast-relays" content=""', 'name="handfast-relays" content="/relay"'),
}

export default defineConfig(({ command, mode }) => ({
  base: './',
  // Not the other pages of this repository, which are projects of their own; all of it, or the first visitor's page would be loaded again.
  optimizeDeps: { entries: ['index.html', 'lib/index.ts'] },
  // What is built meanwhile is not the demo: its page goes on.
  server: {
    host: '127.0.0.1',
    watch: { ignored: ['**/docs/**', '**/dist/**', '**/dist-demo/**'] },
  },
  plugins: [
    relayPlugin(),
    command === 'serve' && relayBeside,
    innerLicenses(mode === 'demo' ? demoLicenses : singleFileLicenses),
  ],
  resolve: { alias: [{ find: /^handfast$/, replacement: path('lib/index.ts') }] },
  build: mode === 'demo' ? demo : singleFile,
  // A loaded machine may take long; what hangs fails all the same.
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } },
  },
}))
