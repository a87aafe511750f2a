/** The name of the place. */

import { Mark } from './ui/mark.tsx'

export function PageHeader() {
  return (
    <header class="page-header">
      <Mark />
      <h1>Handfast</h1>
      <div class="cord" />
      <p class="tagline">One invitation, a private link for good</p>
    </header>
  )
}
