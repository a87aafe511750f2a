/** Commands in `sh` blocks, and what can be said of each without running it: is there such a program, script, sub-command, option? */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import metadata from '../../../package.json' with { type: 'json' }
import { read, root } from './blocks.ts'

export interface Command {
  /** From 0, within the block. */
  readonly line: number
  readonly words: readonly string[]
}

const word = /"[^"]*"|'[^']*'|\S+/g

/** One a line, or several joined by `&&`; a line that ends in `\` goes on in the next. */
export function commandsOf(code: string): Command[] {
  return code.split('\n').flatMap((text, line, lines) => {
    if (lines[line - 1]?.endsWith('\\')) return []
    let whole = text
    for (let next = line + 1; whole.endsWith('\\'); next++) whole = whole.slice(0, -1) + lines[next]
    const parts = whole.replace(/(^|\s)#.*$/, '').split(/\s(?:&&|\|)\s/)
    return parts.map((part) => ({ line, words: part.match(word) ?? [] })).filter(isCommand)
  })
}

const isCommand = ({ words }: Command) => words.length > 0

/** What npm does of its own; the rest are scripts. */
const npmVerbs = ['ci', 'init', 'install', 'pack']

/** Programs of the machine, named and not run: what they change is outside of this repository. */
const elsewhere: Record<string, readonly RegExp[]> = {
  curl: [/^curl http:\/\/127\.0\.0\.1:8787\/(healthz|metrics)$/],
  sudo: [/^sudo systemctl enable --now handfast-relay$/],
}

const cli = read('lib/relay/cli.ts')

/** What each script says of itself, or none where it takes no options. */
const helpOf: Record<string, string> = {
  test: '.ci/test.mjs',
  sim: '.ci/sim.mjs',
  campaign: '.ci/campaign.mjs',
  bench: 'test/bench/options.ts',
}

const optionsIn = (words: readonly string[]) => words.filter((each) => each.startsWith('--'))

/** What is wrong with a command; undefined: nothing. */
export function problemOf({ words }: Command): string | undefined {
  const [program = '', ...rest] = words
  const known = elsewhere[program]
  if (known) return known.some((each) => each.test(words.join(' '))) ? undefined : 'not a known use'
  if (program === 'npx') return npx(rest)
  if (program === 'npm') return npm(rest)
  return `no program ${program} is known`
}

function npx([name = '', ...args]: readonly string[]): string | undefined {
  if (name === 'handfast') return handfast(args)
  const { devDependencies } = metadata
  return name in devDependencies ? undefined : `npx would fetch ${name} from anywhere`
}

export function handfast([verb, ...args]: readonly string[]): string | undefined {
  if (verb !== 'relay') return `handfast has no command ${verb}`
  const missing = optionsIn(args).find((option) => !cli.includes(`\n  ${option} `))
  return missing && `handfast relay has no option ${missing}`
}

function npm([verb = '', ...args]: readonly string[]): string | undefined {
  if (npmVerbs.includes(verb)) return undefined
  const name = verb === 'run' ? args[0]! : verb
  if (!(name in metadata.scripts)) return `no script ${name}`
  const options = optionsIn(args.slice(args.indexOf('--') + 1)).filter((each) => each !== '--')
  if (options.length === 0) return undefined
  const script = helpOf[name]
  if (!script || !existsSync(join(root, script))) return `${name} takes no options`
  const source = read(script)
  const missing = options.find(
    (option) =>
      option !== '--help' && !source.includes(`'${option.slice(2)}'`) && !source.includes(option),
  )
  return missing && `${name} has no option ${missing}`
}
