/** While the books are read, and when they can't be. */

import { ProblemNote } from '../ui/problem-note.tsx'
import type { Wallet } from './wallet.ts'

const unreadable = {
  title: 'Your books can’t be read',
  advice:
    'This browser could not open its storage. Nothing is lost by that. Close other tabs of this page, free some space, and reload.',
}

export function Opening({ wallet }: { wallet: Wallet }) {
  return (
    <section class="card" aria-busy={!wallet.failure}>
      {wallet.failure ? (
        <ProblemNote problem={unreadable} />
      ) : (
        <p class="muted">Reading your books…</p>
      )}
    </section>
  )
}
