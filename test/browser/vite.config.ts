/** The dev server under the browser tests: this repository without hot reload, so that no edit disturbs a run. */

import { defineConfig, mergeConfig, type Plugin } from 'vite'
import base from '../../vite.config.ts'

/** `/clear-site-data`: what a server, or a user who clears the site's data, does under a running page. */
const clearSiteData: Plugin = {
  name: 'clear-site-data',
  configureServer(server) {
    server.middlewares.use('/clear-site-data', (_request, response) => {
      response.setHeader('clear-site-data', '"storage"').end('cleared')
    })
  },
}

export default defineConfig((env) =>
  mergeConfig(base(env), {
    plugins: [clearSiteData],
    server: { port: 5300, hmr: false, watch: null },
    cacheDir: 'node_modules/.vite-test',
    optimizeDeps: {
      // Everything at once: a dependency discovered later would reload the page under a test.
      include: [
        '@scure/base',
        '@scure/bip39',
        '@scure/bip39/wordlists/english.js',
        'age-encryption',
        'cbor-x/index-no-eval',
        'idb',
        'libsodium-wrappers',
        'simple-peer/simplepeer.min.js',
      ],
    },
  }),
)
