/** What TypeDoc is told about documents: the first heading is the title, the file says where they belong and names their page. */

import { basename, dirname } from 'node:path'
import { Converter, KindRouter } from 'typedoc'

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

export function load(app) {
  app.renderer.defineRouter('documents', DocumentRouter)
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, document) => {
    document.name = /^# (.+)/.exec(document.content[0].text)[1]
    document.frontmatter.group = groupOf(pathOf(document))
  })
}
