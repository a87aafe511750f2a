/** Code of the documents, to be taken literally. */

import { blocksOf, read } from '../../unit/docs/blocks.ts'

/** The relay that the documents speak of. */
export const documentedRelay = 'ws://127.0.0.1:8787'

/** What is below a heading, without it, up to the next one of its level or above. */
export function sectionOf(file: string, heading: string): string {
  const [, , text] =
    new RegExp(`^(##+) ${heading}\\n(.*?)(?=^##?(?!#)|(?![^]))`, 'ms').exec(read(file)) ?? []
  if (text === undefined) throw new Error(`${file} has no section ${heading}`)
  return text
}

/** The code of the section's blocks of a language. */
export const codeIn = (section: string, language: string): string[] =>
  blocksOf(section, 'section')
    .filter((block) => block.language === language)
    .map(({ code }) => code)

/** The commands of a block for the shell, without remarks. */
export const commandsIn = (code: string): string[] =>
  code
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, ''))
    .filter((line) => line !== '')

/** The block whose first line says that it is that file. */
export function fileIn(document: string, name: string): string {
  const found = blocksOf(read(document), document).filter(({ code }) =>
    new RegExp(`^// ${name}\\b`).test(code),
  )
  if (found.length !== 1) throw new Error(`${document} has ${found.length} blocks ${name}`)
  return found[0]!.code
}
