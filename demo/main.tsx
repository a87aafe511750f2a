/** Puts the demo on the page. */

import { render } from 'preact'
import { App } from './app.tsx'
import { reopenWithOtherTabs } from './settings/reopen.ts'
import { followTheme } from './settings/theme.ts'

followTheme()
reopenWithOtherTabs()

const root = document.getElementById('app')!
root.replaceChildren()
render(<App />, root)
