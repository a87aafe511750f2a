/**
 * One configuration for `npm start`, the unit tests, the build of the library (`npm run build`) and that of the demo
 * (`npm run demo:build`).
 */

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { relayPlugin } from './lib/relay/vite.ts'
import metadata from './package.json' with { type: 'json' }

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

const library = {
  target: 'es2023',
  sourcemap: true,
  minify: false,
  lib: {
    entry: {
      index: path('lib/index.ts'),
      'relay/index': path('lib/relay/index.ts'),
      'sim/index': path('lib/sim/index.ts'),
      cli: path('lib/relay/cli.ts'),
    },
    formats: ['es' as const],
  },
  rolldownOptions: {
    external: [
      /^node:/,
      ...Object.keys(metadata.dependencies).map((name) => new RegExp(`^${name}(/|$)`)),
    ],
    output: { chunkFileNames: 'chunks/[name]-[hash].js' },
  },
}

const demo = { target: 'es2023', outDir: 'dist-demo' }

export default defineConfig(({ mode }) => ({
  base: './',
  server: { host: '127.0.0.1' },
  plugins: [relayPlugin()],
  resolve: { alias: [{ find: /^handfast$/, replacement: path('lib/index.ts') }] },
  build: mode === 'demo' ? demo : library,
  // A loaded machine may take long; what hangs fails all the same.
  test: { include: ['test/**/*.test.ts'], testTimeout: 30_000 },
}))
