/** Light or dark, whatever the system says, for those who want it so. */

import { onOtherTab, readSettings, type Theme } from './settings.ts'

const bars = [...document.querySelectorAll<HTMLMetaElement>('meta[name=theme-color]')].map(
  (meta) => ({ meta, scheme: meta.media.includes('dark') ? 'dark' : 'light', media: meta.media }),
)

export function showTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
  // What the browser itself paints, such as the bar above the page.
  for (const { meta, scheme, media } of bars) {
    meta.media = theme === 'system' ? media : theme === scheme ? 'all' : 'not all'
  }
}

export function followTheme(): void {
  showTheme(readSettings().theme)
  onOtherTab(({ theme }) => showTheme(theme))
}
