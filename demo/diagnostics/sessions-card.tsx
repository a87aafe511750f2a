/** Every connection there is: with whom, proven how, by which way, how fast and how much. */

import type { LinkStats, Mesh, MeshStats, PeerId, SessionStats } from 'handfast'
import type { ComponentChildren } from 'preact'
import { CopyButton } from '../ui/copy-button.tsx'
import { Presence } from '../people/presence.tsx'
import { sizeWords } from '../ui/size-words.ts'
import { timeLeft } from '../ui/time-left.ts'
import { Plot } from './plot.tsx'
import { handshakeWords, linkWords, millisecondsOf, routeWords } from './stats-words.ts'
import type { Sample, StatsFeed } from './stats-feed.ts'
import { usePaths } from './use-paths.ts'
import { useStats } from './use-stats.tsx'

const everyMs = 1000

/** Less than this would make a plot of noise. */
const leastBytesPerSecond = 1000
const leastRoundTripMs = 5

interface SessionsCardProps {
  mesh: Mesh
  callPeer(peer: PeerId): string
  /** Whom the page is about: shown in full. */
  peer: PeerId | null
}

export function SessionsCard({ mesh, callPeer, peer }: SessionsCardProps) {
  const feed = useStats(everyMs)
  const paths = usePaths(mesh)
  const stats = feed.latest
  const links = stats?.links ?? []
  const shown = peer ?? (links.length === 1 ? links[0]!.peer : null)
  return (
    <section class="drawer-part" aria-labelledby="sessions-title" aria-busy={!stats}>
      <h3 id="sessions-title">Connections</h3>
      <p class="muted drawer-fact">{stats ? factWords(stats) : 'Measuring…'}</p>
      {stats && links.length === 0 && <p class="muted">Nobody yet.</p>}
      {links.map((link) => (
        <details
          key={`${link.peer} ${link.peer === shown}`}
          class="link-facts"
          open={link.peer === shown}
        >
          <summary>
            <strong>{callPeer(link.peer)}</strong>
            <Presence state={link.state} />
            <span class="muted">{linkWords(link, link.waiting.messages)}</span>
          </summary>
          <LinkFacts link={link} feed={feed} atMs={stats!.atMs} />
        </details>
      ))}
      {stats && stats.own.length > 0 && (
        <details class="link-facts">
          <summary>
            <strong>Your other devices</strong>
            <span class="muted">{stats.own.length} connected</span>
          </summary>
          {stats.own.map((session) => (
            <SessionFacts key={session.id} session={session} atMs={stats.atMs} />
          ))}
        </details>
      )}
      <dl class="facts">
        <Key word="Your key" value={mesh.peer} />
        {mesh.devices[0] && <Key word="This device" value={mesh.devices[0].key} />}
        {paths.map(({ path, state }) => (
          <Fact key={path} word={path === 'tabs' ? 'Tabs' : 'Relay'}>
            {path === 'tabs' ? state : `${path}: ${state}`}
          </Fact>
        ))}
      </dl>
    </section>
  )
}

function factWords({ leads, dials: { begun, succeeded } }: MeshStats): string {
  const who = leads
    ? 'This tab holds the connections.'
    : 'Another tab of yours holds the connections.'
  return begun === 0
    ? who
    : `${who} ${succeeded} of ${begun} ${begun === 1 ? 'call' : 'calls'} got through.`
}

interface LinkFactsProps {
  link: LinkStats
  feed: StatsFeed
  atMs: number
}

function LinkFacts({ link, feed, atMs }: LinkFactsProps) {
  const { peer, waiting, sessions } = link
  const samples = feed.samplesOf(peer)
  const points = (of: 'sent' | 'received' | 'roundTripMs') =>
    samples.map((sample: Sample) => ({ atMs: sample.atMs, value: sample[of] }))
  return (
    <div class="link-facts-body">
      <Plot
        title="Throughput"
        lines={[
          { kind: 'in', word: 'in', points: points('received') },
          { kind: 'out', word: 'out', points: points('sent') },
        ]}
        say={(value) => `${sizeWords(value)}/s`}
        least={leastBytesPerSecond}
      />
      <Plot
        title="Round trip"
        lines={[{ kind: 'trip', word: 'now', points: points('roundTripMs') }]}
        say={millisecondsOf}
        least={leastRoundTripMs}
      />
      <dl class="facts">
        <Key word="Their key" value={peer} />
        {waiting.messages > 0 && (
          <Fact word="Waiting">
            {waiting.messages === 1 ? '1 message' : `${waiting.messages} messages`},{' '}
            {sizeWords(waiting.bytes)}
          </Fact>
        )}
      </dl>
      {sessions.length === 0 && <p class="muted">No connection at the moment.</p>}
      {sessions.map((session) => (
        <SessionFacts key={session.id} session={session} atMs={atMs} />
      ))}
    </div>
  )
}

function SessionFacts({ session, atMs }: { session: SessionStats; atMs: number }) {
  const { id, deviceKey, openedAtMs, roundTripMs, route, sent, received, bufferedBytes } = session
  return (
    <dl class="facts">
      <Fact word="Route">{route ? routeWords(route) : 'Not known'}</Fact>
      <Fact word="Round trip">
        {roundTripMs === null ? 'Not measured yet' : millisecondsOf(roundTripMs)}
      </Fact>
      <Fact word="Open for">{timeLeft(atMs - openedAtMs)}</Fact>
      <Fact word="Handshake">{handshakeWords(session)}</Fact>
      <Fact word="Sent">{trafficWords(sent)}</Fact>
      <Fact word="Received">{trafficWords(received)}</Fact>
      {bufferedBytes > 0 && <Fact word="To be sent">{sizeWords(bufferedBytes)}</Fact>}
      <Key word="Their device" value={deviceKey} />
      <Key word="Session" value={id} />
    </dl>
  )
}

const trafficWords = ({ bytes, frames }: SessionStats['sent']): string =>
  `${sizeWords(bytes)} in ${frames === 1 ? '1 frame' : `${frames} frames`}`

function Fact({ word, children }: { word: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{word}</dt>
      <dd>{children}</dd>
    </div>
  )
}

/** The first letters are enough to compare; all of them can be copied. */
function Key({ word, value }: { word: string; value: string }) {
  const start = value
    .slice(0, 16)
    .match(/.{1,4}/g)
    ?.join(' ')
  return (
    <Fact word={word}>
      <code title={value}>
        {start}
        {value.length > 16 && '…'}
      </code>
      <CopyButton bare text={value} what={word.toLowerCase()} />
    </Fact>
  )
}
