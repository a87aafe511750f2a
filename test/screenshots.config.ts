/** `npm run screenshots`: two people use the demo, and the pictures in docs/images are taken of it. */

import { defineConfig } from '@playwright/test'
import base from './playwright.config.ts'

export default defineConfig({
  ...base,
  testDir: 'screenshots',
  workers: 1,
  reporter: 'line',
  projects: [{ name: 'chromium', use: { browserName: 'chromium' } }],
})
