/** What you and one other person owe each other. The header above it has their name. */

import type { Link } from 'handfast'
import { useEffect } from 'preact/hooks'
import { BalanceCard } from './balance-card.tsx'
import { BooksCard } from './books-card.tsx'
import { headOf, sideIn } from './books.ts'
import { ClosingCard } from './closing-card.tsx'
import type { Act } from './entry.ts'
import { HistoryCard } from './history-card.tsx'
import { Opening } from './opening.tsx'
import { OfferCard } from './offer-card.tsx'
import { RequestsCard } from './requests-card.tsx'
import { TermsForm } from './terms-form.tsx'
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
  const { offer, tally, refused } = books.account
  const act = (deed: Act) => wallet.act(peer, deed)
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
          act={act}
        />
      )}
      {tally && (
        <>
          <BalanceCard
            key={tally.id}
            tally={tally}
            me={me}
            called={called}
            isHere={link.state === 'open'}
            act={act}
          />
          <RequestsCard tally={tally} me={me} called={called} act={act} />
          {isClosing && closing}
        </>
      )}
      {!offer && !tally && (
        <section class="card" aria-labelledby="terms-title">
          <h3 id="terms-title">Open a tally with {called}</h3>
          <div class="stack">
            {refused && (
              <p class="note" role="status">
                {refused.offer.by === me ? `${called} refused your offer` : 'You refused the offer'}{' '}
                “{refused.offer.terms.name}”{refused.note && `: ${refused.note}`}
              </p>
            )}
            <p class="muted">
              A tally says who owes whom. To pay is to sign that you owe that much more, or are owed
              that much less; you settle whenever you like. Nobody else takes part.
            </p>
            {note.hasCompared ? (
              <TermsForm
                key={refused?.offer.id}
                me={me}
                called={called}
                terms={refused?.offer.terms ?? null}
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
