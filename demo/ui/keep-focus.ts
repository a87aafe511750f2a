/** Where the focus goes when what had it is gone or disabled. Without it, keyboard and screen reader start over at the top of the page. */

/** Gives it back to `wanted`; where that can't take it, to the title of what is shown, from which one reads on. Leaves a focus alone that is held. */
export function keepFocus(wanted?: HTMLElement | null): void {
  const isLost = () =>
    document.activeElement === document.body || document.activeElement?.matches(':disabled')
  if (isLost()) wanted?.focus()
  if (!isLost()) return
  const titles = document.querySelectorAll<HTMLElement>(
    'dialog[open] h3, main h2, [role=main] h2[tabindex]',
  )
  ;[...titles].find((title) => title.checkVisibility())?.focus()
}
