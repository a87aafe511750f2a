/** Bytes as people say them. */

const units = ['B', 'kB', 'MB', 'GB'] as const

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 })
const tenths = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 })

export function sizeWords(bytes: number): string {
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1)
  return `${(step ? tenths : whole).format(bytes / 1000 ** step)} ${units[step]}`
}
