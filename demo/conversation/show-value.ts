/** Any value that a message can hold, as text: a string as it is, everything else in diagnostic notation. */

/** A message may be megabytes long; nobody reads that in a chat. */
const maxShownLength = 4000
const maxShownDepth = 6
const maxShownItems = 50

export function showValue(value: unknown): string {
  const shown = typeof value === 'string' ? value : diagnostic(value, maxShownDepth)
  if (shown.length <= maxShownLength) return shown
  return `${shown.slice(0, maxShownLength)}… (${shown.length - maxShownLength} more characters)`
}

function diagnostic(value: unknown, depth: number): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, maxShownLength))
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value !== 'object' || value === null) return String(value)
  if (depth === 0) return '…'
  if (value instanceof Uint8Array) {
    const hex = Array.from(value.subarray(0, 32), (byte) => byte.toString(16).padStart(2, '0'))
    return `h'${hex.join('')}${value.length > 32 ? '…' : ''}'`
  }
  if (value instanceof Date) return value.toISOString()
  const inner = (item: unknown) => diagnostic(item, depth - 1)
  if (Array.isArray(value)) return `[${listed(value, inner)}]`
  const entries = value instanceof Map ? [...value] : Object.entries(value)
  return `{${listed(entries, ([key, item]) => `${inner(key)}: ${inner(item)}`)}}`
}

function listed<T>(items: readonly T[], show: (item: T) => string): string {
  const shown = items.slice(0, maxShownItems).map(show)
  return (items.length > maxShownItems ? [...shown, '…'] : shown).join(', ')
}
