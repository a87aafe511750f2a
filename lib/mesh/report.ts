/** What goes wrong in the background of a mesh: shown, unless it is that this tab leads no more, which is about to be told. */

import { reportError } from '../base/emitter.ts'
import { isNotLeading } from '../base/errors.ts'

export function report(error: unknown): void {
  if (!isNotLeading(error)) reportError(error)
}
