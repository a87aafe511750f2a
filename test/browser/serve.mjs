/**
 * The server under the browser tests. It serves a build made for this run alone: no edit disturbs the tests, and a page opens several times
 * as fast as when each of its modules is a request.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, preview } from 'vite'

const outDir = mkdtempSync(join(tmpdir(), 'handfast-pages-'))
// Vite ends the process when it is told to.
process.once('exit', () => rmSync(outDir, { recursive: true }))
const configFile = 'test/browser/vite.config.ts'
const options = { configFile, logLevel: 'warn', build: { outDir, emptyOutDir: false } }
await build(options)
const server = await preview(options)
// Vite takes the next free port; this tells which.
console.log(server.resolvedUrls.local[0])
