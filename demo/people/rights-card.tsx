/** What somebody may do here, and you there. A change counts at once, also for what is under way. */

import type { Link } from 'handfast'
import { useAnnounce } from '../ui/announcer.tsx'
import { useAction } from '../ui/use-action.ts'
import { ProblemNote } from '../ui/problem-note.tsx'

/** Each a scope. */
const rights = [
  { scope: 'message', word: 'Messages', means: 'write to you' },
  { scope: 'request', word: 'Requests', means: 'ask your page, such as for your name or a ping' },
  { scope: 'stream', word: 'Files', means: 'send you files' },
  { scope: 'signal', word: 'Introductions', means: 'reach others through you' },
] as const

const allows = (scopes: readonly string[], scope: string) =>
  scopes.includes('*') || scopes.includes(scope)

export function RightsCard({ link, called }: { link: Link; called: string }) {
  const { isBusy, problem, run } = useAction()
  const announce = useAnnounce()
  const { scopes, grantedScopes } = link

  const set = async (scope: string, word: string, isAllowed: boolean) => {
    const now = rights.map((right) => right.scope).filter((each) => allows(scopes, each))
    const next = isAllowed ? [...now, scope] : now.filter((each) => each !== scope)
    const isAll = next.length === rights.length
    if (!(await run(() => link.allow(isAll ? ['*'] : next)))) return
    announce(`${word}: ${isAllowed ? 'allowed' : 'stopped'}`)
  }

  const refused = rights.filter(({ scope }) => !allows(grantedScopes, scope))
  return (
    <section class="card" aria-labelledby="rights-title">
      <h3 id="rights-title">What {called} may do</h3>
      <div class="stack">
        <ul class="switches">
          {rights.map(({ scope, word, means }) => {
            const isAllowed = allows(scopes, scope)
            return (
              <li key={scope}>
                <label class="switch">
                  <span>
                    <strong>{word}</strong>
                    <span class="muted">{means}</span>
                  </span>
                  <input
                    type="checkbox"
                    role="switch"
                    checked={isAllowed}
                    disabled={isBusy}
                    onChange={() => set(scope, word, !isAllowed)}
                  />
                </label>
              </li>
            )
          })}
        </ul>
        {problem && <ProblemNote problem={problem} />}
        <p class="hint muted">
          {refused.length === 0
            ? `${called} lets you do all of this.`
            : `${called} does not let you: ${refused.map(({ word }) => word.toLowerCase()).join(', ')}.`}
        </p>
      </div>
    </section>
  )
}
