/** The dev server under the browser tests: this repository without hot reload, so that no edit disturbs a run. */

import { defineConfig, mergeConfig } from 'vite'
import base from '../../vite.config.ts'

export default defineConfig((env) =>
  mergeConfig(base(env), {
    server: { port: 5300, hmr: false, watch: null },
    cacheDir: 'node_modules/.vite-test',
    optimizeDeps: {
      // Everything at once: a dependency discovered later would reload the page under a test.
      include: [
        '@scure/base',
        'cbor-x/index-no-eval',
        'idb',
        'libsodium-wrappers',
        'simple-peer/simplepeer.min.js',
      ],
    },
  }),
)
