/** A problem beside the thing that it concerns. */

import { Icon } from './icon.tsx'
import type { Problem } from './problems.ts'

export function ProblemNote({ problem, id }: { problem: Problem; id?: string }) {
  return (
    <div class="note problem" role="alert" id={id}>
      <Icon name="warning" />
      <div>
        <p class="note-title">{problem.title}</p>
        <p>{problem.advice}</p>
        {problem.way && (
          <p>
            <a href={problem.way.href} onClick={problem.way.onClick}>
              {problem.way.word}
            </a>
          </p>
        )}
      </div>
    </div>
  )
}
