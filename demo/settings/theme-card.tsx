/** Light, dark, or as the system has it. */

import { useState } from 'preact/hooks'
import { Choice } from '../ui/choice.tsx'
import { ProblemNote } from '../ui/problem-note.tsx'
import { notKept } from './reopen.ts'
import { changeSettings, readSettings, type Theme } from './settings.ts'
import { showTheme } from './theme.ts'

const themes: { value: Theme; label: string }[] = [
  { value: 'system', label: 'Like the system' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
]

export function ThemeCard() {
  const [chosen, setChosen] = useState(() => readSettings().theme)
  const [isRefused, setRefused] = useState(false)

  const choose = (theme: Theme) => {
    setChosen(theme)
    showTheme(theme)
    setRefused(!changeSettings({ theme }))
  }

  return (
    <section class="card" aria-labelledby="theme-title">
      <h3 id="theme-title">Appearance</h3>
      <Choice<Theme>
        legend={<span class="visually-hidden">Colours</span>}
        name="theme"
        options={themes}
        value={chosen}
        setValue={choose}
      />
      {isRefused && <ProblemNote problem={notKept} />}
    </section>
  )
}
