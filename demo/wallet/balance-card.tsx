/** How things stand with one person, big and plain, and how to pay or to ask. */

import { useRef, useState } from 'preact/hooks'
import { ProblemNote } from '../ui/problem-note.tsx'
import { focusFault, TextField } from '../ui/text-field.tsx'
import { useAction } from '../ui/use-action.ts'
import { balanceOf, spendable, type Side, type Tally } from './account.ts'
import { amountFault, parseAmount } from './amounts.ts'
import { cleanText, type Act } from './entry.ts'
import { money, owing } from './entry-words.ts'
import { explainDeed } from './wallet-problems.ts'
import { maxNoteLength } from './wallet-limits.ts'

interface BalanceCardProps {
  tally: Tally
  me: Side
  called: string
  isHere: boolean
  act(act: Act): Promise<unknown>
}

export function BalanceCard({ tally, me, called, isHere, act }: BalanceCardProps) {
  const { terms } = tally
  const balance = balanceOf(tally, me)
  const left = spendable(tally, me)
  const size = balance < 0n ? -balance : balance
  return (
    <section class="card balance-card" aria-labelledby="balance-title">
      <h3 id="balance-title" class="eyebrow">
        {terms.name}
      </h3>
      <p class="balance" role="status">
        <span class="balance-word">{owing(balance, called)}</span>
        <span class="balance-amount">{money(size, terms)}</span>
      </p>
      <p class="muted">You can pay {money(left, terms)} before you owe as much as agreed.</p>
      <PaymentForm tally={tally} left={left} me={me} called={called} isHere={isHere} act={act} />
    </section>
  )
}

function PaymentForm({
  tally,
  left,
  me,
  called,
  isHere,
  act,
}: BalanceCardProps & { left: bigint }) {
  const { id, terms } = tally
  const [amountText, setAmountText] = useState('')
  const [note, setNote] = useState('')
  const [fault, setFault] = useState<string | null>(null)
  const form = useRef<HTMLFormElement>(null)
  const { isBusy, problem, run } = useAction(explainDeed)
  const isClosing = tally.closing[me] !== null

  const refuse = (why: string) => {
    setFault(why)
    requestAnimationFrame(() => focusFault(form.current))
  }
  const begin = (what: 'pay' | 'request') => {
    const amount = parseAmount(amountText, terms.decimals)
    if (amount === null) return refuse(amountFault(amountText, terms.decimals))
    if (amount === 0n) return refuse('More than zero')
    if (what === 'pay' && amount > left) return refuse(`At most ${money(left, terms)}`)
    setFault(null)
    const common = { tally: id, amount, note: cleanText(note, maxNoteLength) }
    const wanted: Act =
      what === 'pay' ? { do: what, ...common, request: null } : { do: what, ...common }
    void run(() => act(wanted)).then((isDone) => {
      if (!isDone) return
      setAmountText('')
      setNote('')
    })
  }

  return (
    <form
      class="stack payment-form"
      ref={form}
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        begin('pay')
      }}
    >
      <div class="field-row">
        <TextField
          label={`Amount in ${terms.unit}`}
          isAmount
          value={amountText}
          setValue={(text) => {
            setAmountText(text)
            setFault(null)
          }}
          fault={fault}
        />
        <TextField
          label="What for (optional)"
          maxLength={maxNoteLength}
          value={note}
          setValue={setNote}
        />
      </div>
      {problem && <ProblemNote problem={problem} />}
      <div class="actions">
        <button type="submit" class="button primary" disabled={isBusy || isClosing}>
          Pay {called}
        </button>
        <button
          type="button"
          class="button"
          disabled={isBusy || isClosing}
          onClick={() => begin('request')}
        >
          Ask for it
        </button>
        {!isHere && <span class="muted">{called} gets it when you both are here.</span>}
      </div>
    </form>
  )
}
