/** The few pictograms of the page, drawn with strokes in the colour of the text around them. */

const shapes = {
  back: 'M15 5l-7 7 7 7',
  camera: 'M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM12 16a3 3 0 1 0 0-6 3 3 0 0 0 0 6z',
  check: 'M4 13l5 5L20 7',
  checks: 'M1.5 13l4.5 5L15 7M11 17l1 1L22.5 7',
  clock: 'M12 7v5l3.5 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  cross: 'M6 6l12 12M18 6 6 18',
  dialling: 'M12 3a9 9 0 1 1-9 9',
  device: 'M7 3h10v18H7zM11 17.5h2',
  clip: 'M19.5 11.5 12 19a4.5 4.5 0 0 1-6.4-6.4l8-8a3 3 0 0 1 4.3 4.3l-8 8a1.5 1.5 0 0 1-2.2-2.2l7.3-7.2',
  expand: 'M14 4h6v6M10 20H4v-6M20 4l-6.5 6.5M4 20l6.5-6.5',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
  here: 'M12 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14z',
  away: 'M12 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14z',
  key: 'M8 20a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM11.2 12.3 19.5 4M15.5 8l3 3M18 5.5l2 2',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  'lock-open': 'M6 11h12v9H6zM8.5 11V7.5a3.5 3.5 0 0 1 6.8-1.2',
  log: 'M5 4h14v16H5zM8.5 9h7M8.5 13h7M8.5 17h4',
  mesh: 'M12 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM5 20.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM19 20.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM10.8 7.2 6.2 15.8M13.2 7.2l4.6 8.6M7.5 18h9',
  more: 'M4 7h16M4 12h16M4 17h16',
  people:
    'M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 19.5c.8-3.5 3.3-5 6.5-5s5.7 1.5 6.5 5M15.5 4.8a3.5 3.5 0 0 1 0 6.4M17.5 14.9c2.2.6 3.5 2.1 4 4.6',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20c1-4 4-5.5 7.5-5.5s6.5 1.5 7.5 5.5',
  picture: 'M4 5h16v14H4zM4 16l4.5-4.5 4 4 2.5-2.5 5 5M15.5 9.5v.01',
  plus: 'M12 5v14M5 12h14',
  receive: 'M20 12H5M11 6l-6 6 6 6',
  relay:
    'M12 13.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM12 13.5V21M8.2 8.2a5.4 5.4 0 0 0 0 7.6M15.8 8.2a5.4 5.4 0 0 1 0 7.6M5.3 5.3a9.5 9.5 0 0 0 0 13.4M18.7 5.3a9.5 9.5 0 0 1 0 13.4',
  send: 'M4 12h15M13 6l6 6-6 6',
  pulse: 'M2.5 12h4l3-7.5 5 15 3-7.5h4',
  settings:
    'M4 7h9M19 7h1M16 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM4 17h1M11 17h9M8 19.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z',
  share: 'M12 15V4M7.5 8 12 3.5 16.5 8M5 13v7h14v-7',
  shield: 'M12 3l7.5 3v5.5c0 4.5-3 8-7.5 9.5-4.5-1.5-7.5-5-7.5-9.5V6z',
  'shield-check': 'M12 3l7.5 3v5.5c0 4.5-3 8-7.5 9.5-4.5-1.5-7.5-5-7.5-9.5V6zM8.5 12l2.5 2.5 4.5-5',
  tabs: 'M8 8V4h12v12h-4M4 8h12v12H4z',
  undo: 'M9 6l-5 5 5 5M4 11h10a5 5 0 0 1 5 5v3',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  wallet: 'M4 7.5h16v12H4zM4 7.5 15.5 4v3.5M15.5 12.5H20v3h-4.5a1.5 1.5 0 0 1 0-3z',
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
