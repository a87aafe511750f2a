/** What TypeDoc is told about documents: the first heading is the title, the file says where they belong and names their page. */

import { basename, dirname } from 'node:path'
import { Converter, JSX, KindRouter, PageEvent } from 'typedoc'

const pathOf = (document) => document.project.files.getReflectionPath(document)

function groupOf(path) {
  const folder = basename(dirname(path))
  if (folder === 'guides' || basename(path) === 'delivery.md') return 'Guides'
  return folder === 'reports' ? 'Reports' : 'Reference'
}

class DocumentRouter extends KindRouter {
  getIdealBaseName(reflection) {
    if (!reflection.isDocument()) return super.getIdealBaseName(reflection)
    const path = pathOf(reflection)
    return `${groupOf(path).toLowerCase()}/${basename(path, '.md').toLowerCase()}`
  }
}

/** Who comes for the first time sees what there is. What they open and close afterwards, TypeDoc keeps in the same place. */
const openNavigation = `
try {
  for (const name of ['Guides', 'Reference', 'Modules'])
    localStorage['tsd-accordion-' + name] ??= 'true'
} catch {}`

/**
 * A line that takes longer than half a second is coloured no further, nor is what follows it in its block. So what is slow, which is a
 * language's first use, is done before any page: on a loaded machine, too, code is coloured as a whole.
 */
const sample = `import { a, type B } from 'c' // d
const e = await F.g({ h: 'i', j: [1n, true] }, (k) => { return <l m="n">\${o}</l> })
export async function p<Q>(r: string): Promise<void> { for (const s of t) try { if (u) throw v } catch {} }
<w x="y"><script type="module">let z = 1</script></w>
[section]
key = "value" # remark
FROM node
{ "a": [1, null] }`

function learnLanguages(app) {
  const languages = app.options.getValue('highlightLanguages')
  for (let round = 0; round < 3; round++)
    for (const language of languages) app.renderer.markedPlugin.getHighlighted(sample, language)
}

export function load(app) {
  let hasBegun = false
  app.renderer.on(PageEvent.BEGIN, () => {
    if (!hasBegun) learnLanguages(app)
    hasBegun = true
  })
  app.renderer.defineRouter('documents', DocumentRouter)
  app.renderer.hooks.on('head.begin', () =>
    JSX.createElement('script', null, JSX.createElement(JSX.Raw, { html: openNavigation })),
  )
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, document) => {
    document.name = /^# (.+)/.exec(document.content[0].text)[1]
    document.frontmatter.group = groupOf(pathOf(document))
  })
}
