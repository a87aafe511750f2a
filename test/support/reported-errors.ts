/** Catches what `reportError` shows, which in Node would end the process. */

import { afterEach, beforeEach } from 'vitest'

/** Call it at the top of a test file; the errors of the current test. */
export function catchReportedErrors(): unknown[] {
  const errors: unknown[] = []
  const before = globalThis.reportError
  beforeEach(() => {
    errors.length = 0
    globalThis.reportError = (error) => void errors.push(error)
  })
  afterEach(() => {
    globalThis.reportError = before
  })
  return errors
}
