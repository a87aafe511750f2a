/** What you and one other person owe each other. The header above it has their name. */

import type { Link } from 'handfast'
import { useEffect } from 'preact/hooks'
import type { Account, Offer, Side } from './account.ts'
import { BalanceCard } from './balance-card.tsx'
import { BooksCard } from './books-card.tsx'
import { headOf, sideIn } from './books.ts'
import { ClosingCard } from './closing-card.tsx'
import type { Act } from './entry.ts'
import { HistoryCard } from './history-card.tsx'
import { Opening } from './opening.tsx'
import { OfferCard } from './offer-card.tsx'
import { OwnRequestsCard, TheirRequestsCard } from './requests-card.tsx'
import { TermsForm } from './terms-form.tsx'
import { withdrawVersion } from './wallet-limits.ts'
import type { Wallet } from './wallet.ts'

export interface TallyPaneProps {
  wallet: Wallet
  link: Link
  called: string
}

export function TallyPane({ wallet, link, called }: TallyPaneProps) {
  const { peer } = link
  const { books, note } = wallet.of(peer)
  const me = sideIn(books, wallet.me)
  const { offer, tally } = books.account
  const act = (deed: Act) => wallet.act(peer, deed)
  const last = lastOffer(books.account)
  const canTakeBack = note.version >= withdrawVersion
  // Below everything, until somebody has to know of it.
  const isClosing = tally?.closing.some((position) => position !== null) ?? false
  const closing = tally && <ClosingCard tally={tally} me={me} called={called} act={act} />
  const isDelivered = note.held >= (headOf(books, me)?.seq ?? 0)

  useEffect(() => {
    const refresh = () => {
      if (document.visibilityState === 'visible') wallet.refresh(peer)
    }
    refresh()
    document.addEventListener('visibilitychange', refresh)
    return () => document.removeEventListener('visibilitychange', refresh)
  }, [wallet, peer])

  if (!wallet.isReady) return <Opening wallet={wallet} />
  return (
    <>
      {offer && (
        <OfferCard
          key={offer.id}
          offer={offer}
          me={me}
          called={called}
          isDelivered={isDelivered}
          canTakeBack={canTakeBack}
          act={act}
        />
      )}
      {tally && (
        <>
          <TheirRequestsCard tally={tally} me={me} called={called} act={act} />
          {isClosing && closing}
          <BalanceCard
            key={tally.id}
            tally={tally}
            me={me}
            called={called}
            isHere={link.state === 'open'}
            act={act}
          />
          <OwnRequestsCard
            tally={tally}
            me={me}
            called={called}
            canTakeBack={canTakeBack}
            act={act}
          />
        </>
      )}
      {!offer && !tally && (
        <section class="card" aria-labelledby="terms-title">
          <h3 id="terms-title">Open a tally with {called}</h3>
          <div class="stack">
            <LastOffer account={books.account} me={me} called={called} held={note.held} />
            <p class="muted">
              A tally says who owes whom. To pay is to sign that you owe that much more, or are owed
              that much less; you settle whenever you like. Nobody else takes part.
            </p>
            {note.hasCompared ? (
              <TermsForm
                key={last?.id}
                me={me}
                called={called}
                terms={last?.terms ?? null}
                word="Sign and send offer"
                offer={(terms) => act({ do: 'offer', answers: null, terms })}
              />
            ) : (
              <p role="status">
                For the first one, you both have to be here: your books are compared then.
              </p>
            )}
          </div>
        </section>
      )}
      <HistoryCard books={books} me={wallet.me} held={note.held} called={called} />
      <BooksCard wallet={wallet} partner={peer} called={called} />
      {!isClosing && closing}
    </>
  )
}

/** What one begins with where nothing stands: the offer that has come to nothing. */
const lastOffer = ({ refused, withdrawn }: Account): Offer | undefined =>
  (refused ?? withdrawn.at(-1))?.offer

interface LastOfferProps {
  account: Account
  me: Side
  called: string
  /** How many of one's own entries they have. */
  held: number
}

function LastOffer({ account, me, called, held }: LastOfferProps) {
  const { refused, withdrawn } = account
  const last = lastOffer(account)
  if (!last) return null
  const isMine = last.by === me
  const name = `“${last.terms.name}”`
  if (refused) {
    return (
      <p class="note" role="status">
        {isMine ? `${called} refused your offer` : 'You refused the offer'} {name}
        {refused.note && `: ${refused.note}`}
      </p>
    )
  }
  const isHeard = held >= withdrawn.at(-1)!.seq
  return (
    <p class="note" role="status">
      {!isMine
        ? `${called} took back the offer ${name}`
        : isHeard
          ? `You took back your offer ${name}, and ${called} knows`
          : `You took back your offer ${name}. ${called} hears of it when you both are here; an acceptance signed before that counts`}
      .
    </p>
  )
}
