/** The demo and the pages of the browser tests, built as the demo is but for names left whole. */

import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig, mergeConfig, type Plugin } from 'vite'
import base, { relayBeside } from '../../vite.config.ts'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const pages = readdirSync(path('pages')).filter((name) => name.endsWith('.html'))

/** `/clear-site-data`: what a server, or a user who clears the site's data, does under a running page. */
const clearSiteData: Plugin = {
  name: 'clear-site-data',
  configurePreviewServer(server) {
    server.middlewares.use('/clear-site-data', (_request, response) => {
      response.setHeader('clear-site-data', '"storage"').end('cleared')
    })
  },
}

/** Files named after their package, so that a test can tell which of them a page has loaded. */
const packageOf = (file: string | null) =>
  /.*node_modules\/(?:@[^/]+\/)?([^/]+)/.exec(file ?? '')?.[1] ?? '[name]'

export default defineConfig((env) =>
  mergeConfig(base({ ...env, mode: 'demo' }), {
    plugins: [clearSiteData, relayBeside],
    preview: { host: '127.0.0.1', port: 5300 },
    build: {
      minify: false,
      sourcemap: true,
      rolldownOptions: {
        input: [path('../../index.html'), ...pages.map((name) => path(`pages/${name}`))],
        output: {
          chunkFileNames: ({ facadeModuleId }: { facadeModuleId: string | null }) =>
            `assets/${packageOf(facadeModuleId)}-[hash].js`,
        },
      },
    },
  }),
)
