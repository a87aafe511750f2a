/** The draft of an offer: what a tally is about, and how far each trusts the other. */

import { useRef, useState } from 'preact/hooks'
import { Choice } from '../ui/choice.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'
import { focusFault, TextField } from '../ui/text-field.tsx'
import { useAction } from '../ui/use-action.ts'
import { otherSide, type Side } from './account.ts'
import { amountFault, formatAmount, parseAmount } from './amounts.ts'
import { cleanText, isUnit, type Terms } from './entry.ts'
import { explainDeed } from './wallet-problems.ts'
import { maxNameLength, maxUnitLength } from './wallet-limits.ts'

interface TermsFormProps {
  me: Side
  called: string
  /** What to begin with. */
  terms: Terms | null
  word: string
  offer(terms: Terms): Promise<unknown>
  cancel?: () => void
}

const wholeParts = [
  { label: 'Whole ones', value: 0 },
  { label: 'Two decimals', value: 2 },
]

/** As one types it. */
const plain = (amount: bigint, decimals: number) =>
  formatAmount(amount, decimals, 'en-US').replaceAll(',', '')

export function TermsForm({ me, called, terms, word, offer, cancel }: TermsFormProps) {
  const limitOf = (side: Side) => (terms ? plain(terms.limits[side], terms.decimals) : '100')
  const [name, setName] = useState(terms?.name ?? '')
  const [unit, setUnit] = useState(terms?.unit ?? 'EUR')
  const [decimals, setDecimals] = useState(terms?.decimals ?? 2)
  const [own, setOwn] = useState(limitOf(me))
  const [theirs, setTheirs] = useState(limitOf(otherSide(me)))
  const [wasTried, setTried] = useState(false)
  const form = useRef<HTMLFormElement>(null)
  const { isBusy, problem, run } = useAction(explainDeed)

  const [ownLimit, theirLimit] = [parseAmount(own, decimals), parseAmount(theirs, decimals)]
  const cleaned = { name: cleanText(name, maxNameLength), unit: cleanText(unit, maxUnitLength) }
  const isForNothing = ownLimit === 0n && theirLimit === 0n
  const faults = {
    name: cleaned.name === '' ? 'Say what it is about' : null,
    unit:
      cleaned.unit === ''
        ? 'Say what you count'
        : isUnit(cleaned.unit)
          ? null
          : 'Begin with a letter',
    theirs:
      theirLimit === null
        ? amountFault(theirs, decimals)
        : isForNothing
          ? 'One of you must be able to owe'
          : null,
    own: ownLimit === null ? amountFault(own, decimals) : null,
  }

  const submit = (event: Event) => {
    event.preventDefault()
    setTried(true)
    const isComplete = Object.values(faults).every((fault) => fault === null)
    if (!isComplete || ownLimit === null || theirLimit === null) {
      // On a phone it may be out of sight.
      requestAnimationFrame(() => focusFault(form.current))
      return
    }
    const limits: Terms['limits'] = me === 0 ? [ownLimit, theirLimit] : [theirLimit, ownLimit]
    void run(() => offer({ ...cleaned, decimals, limits }))
  }
  const faultOf = (field: keyof typeof faults) => (wasTried ? faults[field] : null)

  return (
    <form class="stack" ref={form} onSubmit={submit} noValidate>
      <TextField
        label="What it is about"
        placeholder="Lunches"
        maxLength={maxNameLength}
        value={name}
        setValue={setName}
        fault={faultOf('name')}
      />
      <div class="field-row">
        <TextField
          label="Counted in"
          hint="EUR, hours, beers…"
          maxLength={maxUnitLength}
          value={unit}
          setValue={setUnit}
          fault={faultOf('unit')}
        />
        <Choice<number>
          legend="Divided into"
          name="decimals"
          options={
            wholeParts.some(({ value }) => value === decimals)
              ? wholeParts
              : [...wholeParts, { label: `${decimals} decimals`, value: decimals }]
          }
          value={decimals}
          setValue={setDecimals}
        />
      </div>
      <div class="field-row">
        <TextField
          label={`${called} may owe you up to`}
          isAmount
          value={theirs}
          setValue={setTheirs}
          fault={faultOf('theirs')}
        />
        <TextField
          label={`You may owe ${called} up to`}
          isAmount
          value={own}
          setValue={setOwn}
          fault={faultOf('own')}
        />
      </div>
      <p class="muted">
        You sign this, and it binds you until {called} answers, or hears that you have taken it
        back.
      </p>
      {problem && <ProblemNote problem={problem} />}
      <div class="actions">
        <button type="submit" class="button primary" disabled={isBusy}>
          {word}
        </button>
        {cancel && (
          <button type="button" class="button" onClick={cancel}>
            Back
          </button>
        )}
      </div>
    </form>
  )
}
