/** Bytes as people say them. */

const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const

const formats = units.map(
  (unit, step) =>
    new Intl.NumberFormat(undefined, {
      style: 'unit',
      unit,
      unitDisplay: 'short',
      maximumFractionDigits: step && 1,
    }),
)

export function sizeWords(bytes: number): string {
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1)
  return formats[step]!.format(bytes / 1000 ** step)
}
