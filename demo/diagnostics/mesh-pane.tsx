/** A picture of everybody you are linked with, and the same in words. */

import type { Link, Mesh, PeerId } from 'handfast'
import type { RefObject } from 'preact'
import { relays } from '../page-address.ts'
import { PaneHeader } from '../ui/pane-header.tsx'
import type { Place } from '../use-place.ts'
import { maxShown } from './mesh-layout.ts'
import {
  MeshPicture,
  type CordState,
  type PictureOfPerson,
  type PictureOfWay,
} from './mesh-picture.tsx'
import { answering, type StatsFeed } from './stats-feed.ts'
import { millisecondsOf, viaWords } from './stats-words.ts'
import { usePaths } from './use-paths.ts'
import { useStats } from './use-stats.tsx'

const everyMs = 2000

const cords: Record<Link['state'], CordState> = {
  idle: 'loose',
  closed: 'loose',
  pending: 'moving',
  ticket: 'moving',
  request: 'moving',
  open: 'tied',
}

const stateWords: Record<CordState, string> = {
  tied: 'here',
  moving: 'being dialled',
  loose: 'away',
}

/** Whoever is here comes first. */
const order: CordState[] = ['tied', 'moving', 'loose']

export interface MeshPaneProps {
  mesh: Mesh
  callPeer(peer: PeerId): string
  go(place: Place): void
  leave(): void
  title: RefObject<HTMLHeadingElement | null>
}

export function MeshPane({ mesh, callPeer, go, leave, title }: MeshPaneProps) {
  const feed = useStats(everyMs)
  const people = [...mesh.links.values()]
    .map((link) => pictureOf(link, callPeer(link.peer), feed))
    .sort((a, b) => order.indexOf(a.cord) - order.indexOf(b.cord))
  const ways = waysOf(mesh, usePaths(mesh), feed)
  return (
    <>
      <PaneHeader back={leave} backTo="people">
        <div class="pane-header-text">
          <h2 id="pane-title" ref={title} tabIndex={-1}>
            Mesh
          </h2>
          <p class="muted">{summary(people)}</p>
        </div>
      </PaneHeader>
      <section class="card mesh-card" aria-label="Picture of the mesh">
        <MeshPicture
          own={mesh.peer}
          people={people}
          ways={ways}
          select={(peer) => go({ at: 'conversation', peer })}
          meet={() => go({ at: 'meet' })}
        />
        <ul class="mesh-legend" aria-hidden="true">
          <li>
            <span class="cord" /> Here
          </li>
          <li>
            <span class="cord cord-moving" /> Dialling
          </li>
          <li>
            <span class="cord cord-loose" /> Away
          </li>
        </ul>
      </section>
      <section class="card" aria-labelledby="mesh-words-title">
        <h3 id="mesh-words-title">The same in words</h3>
        <ul class="mesh-words">
          {people.map(({ peer, called, words }) => (
            <li key={peer}>
              <strong>{called}</strong> <span class="muted">{words}</span>
            </li>
          ))}
          {ways.map(({ key, word, cord }) => (
            <li key={key}>
              <strong>{word}</strong>{' '}
              <span class="muted">
                {{ tied: 'connected', moving: 'connecting', loose: 'not connected' }[cord]}
              </span>
            </li>
          ))}
        </ul>
        {people.length > maxShown && (
          <p class="muted">The picture shows {maxShown} of them, those who are here first.</p>
        )}
      </section>
    </>
  )
}

function summary(people: readonly PictureOfPerson[]): string {
  const [first, ...others] = people
  if (!first) return 'Nobody is linked with you yet.'
  if (others.length === 0) return `${first.called} is ${stateWords[first.cord]}.`
  const here = people.filter(({ cord }) => cord === 'tied').length
  return `${here} of ${people.length} people ${here === 1 ? 'is' : 'are'} here.`
}

function pictureOf(link: Link, called: string, feed: StatsFeed): PictureOfPerson {
  const { peer, queued, verified } = link
  const cord = cords[link.state]
  const stats = cord === 'tied' ? feed.linkTo(peer) : undefined
  const session = stats && answering(stats)
  const trip = session?.roundTripMs ?? null
  const isTurned = session?.route?.via === 'turn'
  const label = trip === null ? undefined : `${millisecondsOf(trip)}${isTurned ? ' · TURN' : ''}`
  const waiting = cord === 'tied' ? 0 : queued
  const words = [
    stateWords[cord],
    verified && 'verified',
    session && viaWords(session.route)?.toLowerCase().replace('turn', 'TURN'),
    trip !== null && `${millisecondsOf(trip)} round trip`,
    waiting > 0 && `${waiting} ${waiting === 1 ? 'message waits' : 'messages wait'}`,
  ]
    .filter(Boolean)
    .join(', ')
  return { peer, called, cord, isVerified: verified, waiting, label, words }
}

const wayCords = { open: 'tied', connecting: 'moving', closed: 'loose' } as const

function waysOf(mesh: Mesh, signaling: Mesh['signaling'], feed: StatsFeed): PictureOfWay[] {
  const paths = signaling.map(({ path, state }): PictureOfWay => {
    const cord = wayCords[state]
    if (path === 'tabs') return { key: path, icon: 'tabs', word: 'Tabs', cord }
    const word = relays.includes(path) ? 'Relay' : new URL(path).host
    return { key: path, icon: 'relay', word, cord }
  })
  const connected = new Set(feed.latest?.own.map(({ deviceKey }) => deviceKey))
  const devices = mesh.devices
    .filter(({ isThis }) => !isThis)
    .map(({ key }, at): PictureOfWay => {
      const cord = connected.has(key) ? 'tied' : 'loose'
      return { key, icon: 'device', word: `Device ${at + 2}`, cord }
    })
  return [...paths, ...devices]
}
