/**
 * You in the middle, everybody around you, and the cord to each: tied when they are here, loose when they are away, running while one of you
 * is dialled. Close to you: the ways by which you are found, and your other devices.
 */

import type { PeerId } from 'handfast'
import { Icon, type IconName } from '../ui/icon.tsx'
import { VerifiedMark } from '../people/verified-mark.tsx'
import { Weave } from '../ui/weave.tsx'
import { maxShown, spotsNear, spotsOfPeople, type Spot } from './mesh-layout.ts'

export type CordState = 'tied' | 'moving' | 'loose'

export interface PictureOfPerson {
  peer: PeerId
  called: string
  cord: CordState
  isVerified: boolean
  /** Messages. */
  waiting: number
  /** On the cord: “1.2 ms”. */
  label: string | undefined
  /** How things stand, in words. */
  words: string
}

export interface PictureOfWay {
  key: string
  icon: IconName
  word: string
  cord: CordState
}

interface MeshPictureProps {
  own: PeerId
  /** Beyond `maxShown` they are left out. */
  people: readonly PictureOfPerson[]
  ways: readonly PictureOfWay[]
  select(peer: PeerId): void
  meet(): void
}

/** Of the way from you to somebody: further out there is more room. */
const labelAt = 0.62

const me: Spot = { x: 50, y: 50 }

/** Names and labels need room. */
const fewPeople = 6
const manyPeople = 12

export function MeshPicture({ own, people, ways, select, meet }: MeshPictureProps) {
  const shown = people.slice(0, maxShown)
  const spots = spotsOfPeople(Math.max(shown.length, 1))
  const near = spotsNear(ways.length, shown.length)
  const crowd = shown.length > manyPeople ? 'many' : shown.length > fewPeople ? 'some' : 'few'
  const size = { few: 60, some: 48, many: 38 }[crowd]
  return (
    <div class={`mesh mesh-${crowd}`}>
      <svg class="mesh-cords" aria-hidden="true">
        {ways.map(({ key, cord }, at) => (
          <line key={key} class={`mesh-way-${cord}`} {...between(me, near[at]!)} />
        ))}
        {shown.length === 0 && <Cord cord="loose" to={spots[0]!} />}
        {shown.map(({ peer, cord }, at) => (
          <Cord key={peer} cord={cord} to={spots[at]!} />
        ))}
      </svg>
      <span class="mesh-spot mesh-me" style={at(me)}>
        <Weave peer={own} size={crowd === 'many' ? 52 : 76} />
        <span class="mesh-name">You</span>
      </span>
      {ways.map(({ key, icon, word, cord }, index) => (
        <span
          key={key}
          class={`mesh-spot mesh-way mesh-way-${cord}`}
          style={at(near[index]!)}
          title={word}
        >
          <span class="mesh-way-icon">
            <Icon name={icon} size={16} />
          </span>
          <span class="mesh-name">{word}</span>
        </span>
      ))}
      {shown.map(({ label, peer }, index) =>
        label === undefined || crowd !== 'few' ? null : (
          <span key={peer} class="mesh-label" style={at(halfway(spots[index]!))} aria-hidden="true">
            {label}
          </span>
        ),
      )}
      <ul>
        {shown.map(({ peer, called, cord, isVerified, waiting, words }, index) => (
          <li key={peer} class="mesh-spot" style={at(spots[index]!)}>
            <button
              type="button"
              class={`mesh-person mesh-person-${cord}`}
              aria-label={`${called}: ${words}`}
              title={crowd === 'many' ? `${called}: ${words}` : words}
              onClick={() => select(peer)}
            >
              <span class="mesh-weave">
                <Weave peer={peer} size={size} />
                {waiting > 0 && <span class="badge">{waiting}</span>}
              </span>
              <span class="mesh-name">
                <span>{called}</span>
                {isVerified && <VerifiedMark size={16} />}
              </span>
            </button>
          </li>
        ))}
        {shown.length === 0 && (
          <li class="mesh-spot" style={at(spots[0]!)}>
            <button type="button" class="mesh-person" onClick={meet}>
              <span class="blank">
                <Icon name="plus" size={24} />
              </span>
              <span class="mesh-name">Meet someone</span>
            </button>
          </li>
        )}
      </ul>
    </div>
  )
}

function Cord({ cord, to }: { cord: CordState; to: Spot }) {
  return (
    <g class={`mesh-cord mesh-cord-${cord}`}>
      <line class="mesh-strand" {...between(me, to)} />
      {cord !== 'loose' && <line class="mesh-twist" {...between(me, to)} />}
    </g>
  )
}

const between = (from: Spot, to: Spot) => ({
  x1: `${from.x}%`,
  y1: `${from.y}%`,
  x2: `${to.x}%`,
  y2: `${to.y}%`,
})

const at = ({ x, y }: Spot) => ({ left: `${x}%`, top: `${y}%` })

const halfway = ({ x, y }: Spot): Spot => ({
  x: me.x + (x - me.x) * labelAt,
  y: me.y + (y - me.y) * labelAt,
})
