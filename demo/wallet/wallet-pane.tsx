/** Every tally at a glance: what you owe and are owed, and what waits for an answer. */

import type { Link, Mesh, PeerId } from 'handfast'
import type { RefObject } from 'preact'
import { Icon } from '../ui/icon.tsx'
import { PaneHeader } from '../ui/pane-header.tsx'
import { Weave } from '../ui/weave.tsx'
import { shortPeer } from '../people/names.ts'
import type { Place } from '../use-place.ts'
import { money, ownBalance } from './entry-words.ts'
import { Opening } from './opening.tsx'
import { waitingIn } from './waiting.ts'
import type { Wallet } from './wallet.ts'

export interface WalletPaneProps {
  mesh: Mesh
  wallet: Wallet
  callPeer(peer: PeerId): string
  go(place: Place): void
  leave(): void
  title: RefObject<HTMLHeadingElement | null>
}

export function WalletPane({ mesh, wallet, callPeer, go, leave, title }: WalletPaneProps) {
  const links = [...mesh.links.values()]
  const totals = totalsOf(wallet, links)
  const left = wallet.partners.flatMap((peer) => {
    const { books } = wallet.of(peer)
    const { tally } = books.account
    if (mesh.links.has(peer) || !tally) return []
    const balance = ownBalance(books, wallet.me, tally)
    return {
      peer,
      text: standing(tally.terms.name, balance),
      tally: money(abs(balance), tally.terms),
    }
  })
  const waiting = links.flatMap(({ peer }) =>
    waitingIn(wallet.of(peer).books, wallet.me, callPeer(peer)).map((each) => ({ ...each, peer })),
  )
  return (
    <>
      <PaneHeader back={leave} backTo="people">
        <div class="pane-header-text">
          <h2 id="pane-title" ref={title} tabIndex={-1}>
            Wallet
          </h2>
          <p class="muted">What you and your people owe each other.</p>
        </div>
      </PaneHeader>

      {totals.length > 0 && (
        <section class="card" aria-labelledby="totals-title">
          <h3 id="totals-title">In all</h3>
          <ul class="totals">
            {totals.map(({ unit, owed, owe }) => (
              <li key={unit} class="total">
                <span>
                  <span class="muted">You are owed</span>
                  <strong>{owed}</strong>
                </span>
                <span>
                  <span class="muted">You owe</span>
                  <strong>{owe}</strong>
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}

      {waiting.length > 0 && (
        <section class="card" aria-labelledby="waiting-title">
          <h3 id="waiting-title">Waiting for you</h3>
          <ul class="tallies">
            {waiting.map(({ key, peer, text }) => (
              <li key={key}>
                <button type="button" class="tally-row" onClick={() => go({ at: 'tally', peer })}>
                  <Icon name="clock" size={24} />
                  <span>{text}</span>
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}

      {!wallet.isReady && <Opening wallet={wallet} />}

      <section class="card" aria-labelledby="tallies-title">
        <h3 id="tallies-title">Tallies</h3>
        {links.length === 0 ? (
          <p class="muted">Nobody yet. Meet someone first; then you can open a tally with them.</p>
        ) : (
          <ul class="tallies">
            {links.map((link) => (
              <TallyRow
                key={link.peer}
                wallet={wallet}
                link={link}
                called={callPeer(link.peer)}
                open={() => go({ at: 'tally', peer: link.peer })}
              />
            ))}
          </ul>
        )}
      </section>

      {left.length > 0 && (
        <section class="card" aria-labelledby="left-title">
          <h3 id="left-title">With people who are gone</h3>
          <ul class="tallies">
            {left.map(({ peer, tally, text }) => (
              <li key={peer} class="tally-row">
                <Weave peer={peer} size={40} />
                <span class="tally-text">
                  <code title={peer}>{shortPeer(peer)}</code>
                  <span class="muted">{text}</span>
                </span>
                <span class="tally-amount">{tally}</span>
              </li>
            ))}
          </ul>
          <p class="muted">You have removed them. Meet again, and you go on with the same books.</p>
        </section>
      )}
    </>
  )
}

const abs = (amount: bigint) => (amount < 0n ? -amount : amount)

const standing = (name: string, balance: bigint) =>
  `${name} · ${balance === 0n ? 'even' : balance > 0n ? 'owes you' : 'you owe'}`

interface TallyRowProps {
  wallet: Wallet
  link: Link
  called: string
  open(): void
}

function TallyRow({ wallet, link, called, open }: TallyRowProps) {
  const { books } = wallet.of(link.peer)
  const { tally, offer } = books.account
  const balance = tally ? ownBalance(books, wallet.me, tally) : 0n
  return (
    <li>
      <button type="button" class="tally-row" onClick={open}>
        <Weave peer={link.peer} size={40} />
        <span class="tally-text">
          <strong>{called}</strong>
          <span class="muted">
            {tally
              ? standing(tally.terms.name, balance)
              : offer
                ? `An offer waits: “${offer.terms.name}”`
                : 'No tally yet'}
          </span>
        </span>
        <span class="tally-amount">
          {tally ? (
            money(abs(balance), tally.terms)
          ) : offer ? (
            'Look'
          ) : (
            <span class="link-like">Open a tally</span>
          )}
        </span>
      </button>
    </li>
  )
}

/** By unit: tallies count together that count the same in the same way. */
function totalsOf(wallet: Wallet, links: readonly Link[]) {
  const units = new Map<string, { unit: string; decimals: number; owed: bigint; owe: bigint }>()
  for (const { peer } of links) {
    const { books } = wallet.of(peer)
    const { tally } = books.account
    if (!tally) continue
    const { unit, decimals } = tally.terms
    const key = `${unit} ${decimals}`
    const sum = units.get(key) ?? { unit, decimals, owed: 0n, owe: 0n }
    units.set(key, sum)
    const balance = ownBalance(books, wallet.me, tally)
    if (balance > 0n) sum.owed += balance
    else sum.owe -= balance
  }
  return [...units].map(([key, sum]) => ({
    unit: key,
    owed: money(sum.owed, sum),
    owe: money(sum.owe, sum),
  }))
}
