/** What another tab, or a device that joins, may learn of an error. */

import { HandfastError, type ErrorCode } from '../base/errors.ts'

export type TabError = [code: ErrorCode, text: string]

export const toTabError = (error: unknown): TabError =>
  error instanceof HandfastError ? [error.code, error.message] : ['request-failed', String(error)]

export const fromTabError = ([code, text]: TabError): HandfastError => new HandfastError(code, text)
