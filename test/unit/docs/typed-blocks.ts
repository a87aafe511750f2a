/**
 * Type-checks blocks against the library. A block is a module of its own; one whose first line is `// name.ts` has that name, for others
 * of its document to import. What imports nothing is a piece of such a module: `identity`, `mesh`, `link` and `ticket` are there.
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { root, type Block } from './blocks.ts'

const given = { identity: 'Identity', mesh: 'Mesh', link: 'Link', ticket: 'Ticket' }
const declares = (code: string, name: string) =>
  new RegExp(`\\b(?:const|let|function|await using)\\s+(?:\\{[^}]*)?${name}\\b`).test(code)

/** On one line, so that lines keep their numbers. */
function contextOf(code: string): string {
  if (/^import /m.test(code)) return ''
  const missing = Object.entries(given).filter(([name]) => !declares(code, name))
  return missing
    .map(([name, type]) => `declare const ${name}: import('handfast').${type};`)
    .join('')
}

const scripts = /<script type="module">\n?(.*?)<\/script>/gs

/** The modules of a block: itself, or those inside a page, on the lines where they are. */
function modulesOf({ language, code }: Block): { extension: string; code: string }[] {
  if (language !== 'html')
    return [{ extension: language, code: (language === 'js' ? '' : contextOf(code)) + code }]
  return [...code.matchAll(scripts)].map(({ 1: script, index }) => ({
    extension: 'ts',
    code: '\n'.repeat(code.slice(0, index).split('\n').length) + script,
  }))
}

const isTyped = ({ language }: Block) => ['ts', 'tsx', 'js', 'html'].includes(language)

/** What the compiler says, as lines of `file:line: message`. */
export function typeErrorsOf(blocks: readonly Block[], name: string): string[] {
  const folder = join(root, 'node_modules/.cache/handfast', name)
  rmSync(folder, { recursive: true, force: true })
  const places = new Map<string, Block>()
  for (const block of blocks.filter(isTyped)) {
    modulesOf(block).forEach(({ extension, code }, index) => {
      const document = block.file.replaceAll(/[^a-z-]/gi, '_')
      const [, chosen = `block-${block.line}-${index}.${extension}`] =
        /^\/\/ ([a-z-]+\.tsx?)\b/.exec(block.code) ?? []
      const path = `${document}/${chosen}`
      if (places.has(path)) throw new Error(`${block.file}: two blocks are ${chosen}`)
      mkdirSync(join(folder, document), { recursive: true })
      writeFileSync(join(folder, path), code)
      // The single file that a page without a build imports.
      writeFileSync(join(folder, document, 'handfast.min.d.ts'), "export * from 'handfast'\n")
      places.set(path, block)
    })
  }
  if (places.size === 0) return []
  const library = (path: string) => [join(root, 'lib', path)]
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      // What a block declares for its reader need not be used in it.
      noUnusedLocals: false,
      noUnusedParameters: false,
      moduleDetection: 'force',
      isolatedModules: false,
      allowJs: true,
      checkJs: true,
      jsxImportSource: 'react',
      typeRoots: [join(root, 'node_modules/@types')],
      paths: {
        handfast: library('index.ts'),
        'handfast/relay': library('relay/index.ts'),
        'handfast/sim': library('sim/index.ts'),
        vue: [join(root, 'node_modules/@vue/runtime-dom')],
      },
    },
    include: ['.'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout } = spawnSync(execPath, [tsc, '--noEmit', '--pretty', 'false', '-p', folder], {
    encoding: 'utf8',
    cwd: folder,
  })
  // Only what is said of the blocks: the library has a check of its own.
  return stdout.split('\n').flatMap((said) => {
    const [, path = '', line, message] = /^(\S+?)\((\d+),\d+\): error (.*)$/.exec(said) ?? []
    const block = places.get(path.replaceAll('\\', '/'))
    // Where there are no types to give, parameters have none.
    const isUntyped = block?.language === 'html' && message?.startsWith('TS7006')
    return block && !isUntyped ? [`${block.file}:${block.line - 1 + Number(line)}: ${message}`] : []
  })
}
