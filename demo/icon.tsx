/** The few pictograms of the page, drawn with strokes in the colour of the text around them. */

const shapes = {
  back: 'M15 5l-7 7 7 7',
  check: 'M4 13l5 5L20 7',
  checks: 'M1.5 13l4.5 5L15 7M11 17l1 1L22.5 7',
  clock: 'M12 7v5l3.5 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  cross: 'M6 6l12 12M18 6 6 18',
  dialling: 'M12 3a9 9 0 1 1-9 9',
  here: 'M12 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14z',
  away: 'M12 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14z',
  plus: 'M12 5v14M5 12h14',
  send: 'M4 12h15M13 6l6 6-6 6',
  share: 'M12 15V4M7.5 8 12 3.5 16.5 8M5 13v7h14v-7',
  shield: 'M12 3l7.5 3v5.5c0 4.5-3 8-7.5 9.5-4.5-1.5-7.5-5-7.5-9.5V6z',
  tabs: 'M8 8V4h12v12h-4M4 8h12v12H4z',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  warning: 'M12 4 2.5 20h19zM12 10v5M12 17.5v.5',
} as const

export type IconName = keyof typeof shapes

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg
      class={`icon icon-${name}`}
      viewBox="0 0 24 24"
      width={size}
      height={size}
      aria-hidden="true"
    >
      <path d={shapes[name]} />
    </svg>
  )
}
