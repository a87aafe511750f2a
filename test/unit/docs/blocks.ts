/** The fenced blocks of a Markdown text, and the documents of the repository. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../..', import.meta.url))

export interface Block {
  readonly file: string
  /** Of its first line of code, from 1. */
  readonly line: number
  readonly language: string
  readonly code: string
}

/** README, changelog, and all of `docs/` but the site's own folder. */
export const documents: readonly string[] = [
  'README.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md') && !path.startsWith('site'))
    .map((path) => `docs/${path.replaceAll('\\', '/')}`)
    .sort(),
]

export const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const fence = /^( *)(`{3,}|~{3,})\s*([^\s`]*)(.*)$/

/** @throws Error for a fence that is not closed */
export function blocksOf(text: string, file: string): Block[] {
  const blocks: Block[] = []
  let open: { indent: string; mark: string; language: string; at: number } | undefined
  const lines = text.split('\n')
  lines.forEach((line, at) => {
    const [, indent = '', mark = '', language = ''] = fence.exec(line) ?? []
    if (open && mark.startsWith(open.mark) && language === '') {
      const { indent: outer, language: own, at: from } = open
      const code = lines.slice(from + 1, at).map((each) => each.slice(outer.length))
      blocks.push({ file, line: from + 2, language: own, code: `${code.join('\n')}\n` })
      open = undefined
    } else if (!open && mark !== '') open = { indent, mark, language, at }
  })
  if (open) throw new Error(`${file}:${open.at + 1}: a fence that is not closed`)
  return blocks
}

export const blocks: readonly Block[] = documents.flatMap((file) => blocksOf(read(file), file))

export const at = ({ file, line }: Block): string => `${file}:${line}`
