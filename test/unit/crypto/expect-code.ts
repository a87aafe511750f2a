/** Expecting a HandfastError by its code. */

import { expect } from 'vitest'
import type { ErrorCode } from '../../../lib/base/errors.ts'

export function expectCode(code: ErrorCode, action: () => unknown): void {
  expect(action).toThrow(expect.objectContaining({ name: 'HandfastError', code }))
}
