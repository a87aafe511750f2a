/** The code in README and `docs/` is real: every block is type-checked, parsed or run, by its language, and the main ones are run. */

import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import metadata from '../../../package.json' with { type: 'json' }
import { startRelay } from '../../../lib/relay/index.ts'
import { at, blocks, blocksOf, documents, read, root, type Block } from './blocks.ts'
import { commandsOf, handfast, problemOf } from './commands.ts'
import { typeErrorsOf } from './typed-blocks.ts'

const inLanguage = (language: string) => blocks.filter((block) => block.language === language)

/** Blocks of each language, and who looks at them. */
const languages: Record<string, string> = {
  ts: 'type-checked here; the main ones run in guides.test.ts',
  tsx: 'type-checked here',
  js: 'type-checked here',
  html: 'its scripts are type-checked here; test/package opens the pages',
  sh: 'each command is checked here; test/package runs those of the README',
  ini: 'parsed here: a systemd unit',
  dockerfile: 'parsed here',
  cddl: 'parsed and used by protocol.test.ts',
  text: 'drawings, bytes and the configuration of other programs',
}

describe('every block', () => {
  test('is in a language that somebody checks', () => {
    const others = blocks.filter(({ language }) => !(language in languages))
    expect(others.map((block) => `${at(block)}: ${block.language}`)).toEqual([])
  })

  test('is found: fences that are nested, indented or not closed', () => {
    const nested = '1. a\n\n   ````md\n   ```ts\n   x\n   ```\n   ````\n\n```sh\nls\n```\n'
    expect(blocksOf(nested, 'a.md')).toEqual([
      { file: 'a.md', line: 4, language: 'md', code: '```ts\nx\n```\n' },
      { file: 'a.md', line: 10, language: 'sh', code: 'ls\n' },
    ])
    expect(() => blocksOf('text\n\n```ts\nx\n', 'a.md')).toThrow('a.md:3')
  })

  test('of all documents: there are many', () => {
    expect(documents).toEqual(expect.arrayContaining(['README.md', 'docs/guides/recipes.md']))
    expect(inLanguage('ts').length).toBeGreaterThan(30)
  })
})

describe('types', () => {
  test('hold in every block', { timeout: 60_000 }, () => {
    expect(typeErrorsOf(blocks, 'blocks')).toEqual([])
  })

  const block = (language: string, code: string, file = 'a.md'): Block => ({
    file,
    line: 7,
    language,
    code,
  })

  test('would not hold in these', { timeout: 60_000 }, () => {
    const wrong = [
      block('ts', "import { Meshes } from 'handfast'\n", 'a.md'),
      block('ts', "link.send()\nlink.on('state', (state) => state.foo)\n", 'b.md'),
      block('tsx', 'export const x = <li key={1} colour="red" />\n', 'c.md'),
      block(
        'html',
        '<p>a</p>\n<script type="module">\n  import { Mesh } from "./handfast.min.js"\n  Mesh.shut()\n</script>\n',
        'd.md',
      ),
      block('ts', '// shared.ts\nexport const a = 1\n', 'e.md'),
      {
        ...block('ts', "import { a } from './shared'\nexport const b: string = a\n", 'e.md'),
        line: 20,
      },
      block('ts', "import { ref } from 'vue'\nexport const n: string = ref(1)\n", 'f.md'),
      block(
        'ts',
        "import { createSubscriber } from 'svelte/reactivity'\ncreateSubscriber(5)\n",
        'g.md',
      ),
    ]
    const errors = typeErrorsOf(wrong, 'wrong-blocks').map((error) => error.replace(/: .*/, ''))
    expect(errors).toEqual([
      'a.md:7',
      'b.md:7',
      'b.md:8',
      'c.md:7',
      'd.md:10',
      'e.md:21',
      'f.md:8',
      'g.md:8',
    ])
  })
})

describe('commands', () => {
  const commands = inLanguage('sh').flatMap((block) =>
    commandsOf(block.code).map((command) => ({
      ...command,
      place: `${block.file}:${block.line + command.line}`,
    })),
  )

  test('exist, with their options', () => {
    expect(commands.length).toBeGreaterThan(10)
    const problems = commands.flatMap((command) => {
      const problem = problemOf(command)
      return problem ? [`${command.place}: ${problem}`] : []
    })
    expect(problems).toEqual([])
  })

  test.each([
    ['npm run nonsense', 'no script nonsense'],
    ['npm run sim -- --sead 2', 'sim has no option --sead'],
    ['npx handfast relay --sport 1', 'handfast relay has no option --sport'],
    ['npx handfast mesh', 'handfast has no command mesh'],
    ['npx some-package', 'npx would fetch some-package from anywhere'],
    ['npm test && make love', 'no program make is known'],
    ['curl https://elsewhere.example/', 'not a known use'],
    ['npx handfast \\\n  relay --nope', 'handfast relay has no option --nope'],
  ])('%s would be found', (code, problem) => {
    expect(commandsOf(code).flatMap((command) => problemOf(command) ?? [])).toEqual([problem])
  })

  const readmePath = 'walked by test/package/projects/readme.test.ts'
  const takesLong = 'takes minutes or hours'
  /** Who runs each, or why nobody does. */
  const runs: Record<string, string> = {
    'npm start': readmePath,
    'npm test': 'runs this',
    'npm pack': readmePath,
    'npm init -y': readmePath,
    'npm install path/to/handfast-0.1.0.tgz vite': readmePath,
    'npm install path/to/handfast-0.1.0.tgz': readmePath,
    'npx handfast relay': readmePath,
    'npx vite': readmePath,
    'npx handfast relay --port 8787': 'test/unit/relay/cli.test.ts, at another port',
    'npm run docs': 'a step of npm test',
    'npm run demo:build': 'test/browser/demo-static.spec.ts',
    'npm run bench -- --quick': 'a step of npm test',
    'npm run bench': takesLong,
    'npm run bench -- --browser firefox': takesLong,
    'npm run bench -- --memory': takesLong,
    'npm run bench -- --help': 'here',
    'npm run sim -- --seed 26 --crash 1:124': 'here',
    'npm run sim -- --seed 2 --peers 50 --minutes 10 --faults all': takesLong,
    'npm run campaign -- --only-simulator --minutes 60': takesLong,
    'curl http://127.0.0.1:8787/healthz': 'here, at another port',
    'curl http://127.0.0.1:8787/metrics': 'here, at another port',
    'sudo systemctl enable --now handfast-relay': 'changes the machine',
  }

  test('are run by somebody, or there is a reason why not', () => {
    expect(Object.keys(runs).sort()).toEqual(
      [...new Set(commands.map(({ words }) => words.join(' ')))].sort(),
    )
  })

  test.each(Object.keys(runs).filter((command) => runs[command] === 'here'))(
    '%s',
    { concurrent: true, timeout: 60_000 },
    async (command) => {
      const [, , name, ...args] = command.split(' ')
      const [program, ...first] = metadata.scripts[name as 'bench' | 'sim']
        .split(' && ')
        .at(-1)!
        .split(' ')
      const run = promisify(execFile)
      const { stdout } = await run(program!, [...first, ...args.slice(1)], { cwd: root })
      expect(stdout).toMatch(/violations: \[\]|--quick/)
    },
  )

  test('what a relay is asked for, it answers', async () => {
    const relay = await startRelay({ port: 0 })
    try {
      const asked = commands.flatMap(({ words: [program, url] }) =>
        program === 'curl' ? [url!] : [],
      )
      expect(asked).toHaveLength(2)
      for (const url of asked) {
        const response = await fetch(url.replace('8787', String(relay.port)))
        expect(response.status).toBe(200)
        expect(await response.text()).toMatch(/^ok|handfast_relay_connections/)
      }
    } finally {
      await relay.close()
    }
  })

  test('the figures in the guide are those that a relay counts', async () => {
    const relay = await startRelay({ port: 0 })
    const metrics = relay.core.renderMetrics()
    await relay.close()
    const named = read('docs/guides/run-a-relay.md').match(/handfast_relay_\w+/g)!
    expect(named.length).toBeGreaterThanOrEqual(3)
    for (const name of named) expect(metrics).toContain(`# TYPE ${name} `)
    for (const [, reason] of read('docs/guides/run-a-relay.md').matchAll(/reason="(\w+)"/g)) {
      expect(metrics).toContain(`{reason="${reason}"}`)
    }
  })
})

describe('services', () => {
  const cli = `node_modules/handfast/${metadata.bin.handfast.replace('./', '')}`

  test('a systemd unit is one, and starts the relay', () => {
    const [unit] = inLanguage('ini')
    const lines = unit!.code.split('\n').filter((line) => line !== '')
    for (const line of lines) expect(line).toMatch(/^(\[(Unit|Service|Install)\]|[A-Z]\w+=\S.*)$/)
    const [, start] = /^ExecStart=\/usr\/bin\/node (.*)$/m.exec(unit!.code)!
    const [program, ...args] = start!.split(' ')
    expect(program).toBe(cli)
    expect(handfast(args)).toBeUndefined()
  })

  test('a container file has known instructions, and starts the relay', () => {
    const [file] = inLanguage('dockerfile')
    const lines = file!.code.trim().split('\n')
    for (const line of lines) expect(line).toMatch(/^(FROM|WORKDIR|COPY|RUN|USER|EXPOSE|CMD) \S/)
    const [node, program, ...args] = JSON.parse(lines.at(-1)!.replace('CMD ', '')) as string[]
    expect([node, program]).toEqual(['node', cli])
    expect(handfast(args)).toBeUndefined()
  })
})

test('the policy that is recommended is the one of the demo, or stricter', () => {
  const policyOf = (text: string) =>
    /default-src 'none';[^`"]*/
      .exec(text)![0]
      .split('; ')
      .map((directive) => directive.split(' '))
  const ofDemo = new Map(policyOf(read('index.html')).map(([name, ...all]) => [name, all]))
  for (const [name, ...sources] of policyOf(read('docs/security.md'))) {
    expect(ofDemo.get(name)).toEqual(expect.arrayContaining(sources))
  }
})

test('what is to be pressed in the demo is there', () => {
  const files = readdirSync(join(root, 'demo'), { recursive: true, encoding: 'utf8' })
  const demo = files.filter((path) => path.endsWith('.tsx')).map((path) => read(`demo/${path}`))
  const source = demo.join('\n').replaceAll(/\s+/g, ' ')
  const sectionOf = (file: string, title: string) =>
    read(file).split(`## ${title}\n`)[1]!.split('\n## ')[0]!
  const walks = sectionOf('README.md', 'Try it') + sectionOf('docs/guides/wallet.md', 'A walk')
  const named = [...walks.matchAll(/\*\*([^*]+)\*\*/g)].map(([, word]) => word!.replace(' …', ' '))
  expect(named.length).toBeGreaterThan(8)
  expect(named.filter((word) => !source.includes(word))).toEqual([])
})

test('links lead to files and headings that are there', () => {
  const anchorsOf = (path: string) =>
    [...withoutBlocks(read(path)).matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      title!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    )
  const dead = documents.flatMap((file) =>
    [
      ...withoutBlocks(read(file)).matchAll(
        /(?:\]\(|(?:src|srcset|href)=")(?!https?:)([^)"#]*)(?:#([^)"]+))?/g,
      ),
    ]
      .filter(([, path, anchor]) => {
        const target = path ? join(dirname(file), path) : file
        if (!existsSync(join(root, target))) return true
        return anchor !== undefined && !anchorsOf(target).includes(anchor)
      })
      .map(([link]) => `${file}: ${link}`),
  )
  expect(dead).toEqual([])
})

function withoutBlocks(text: string): string {
  return text.replaceAll(/^ *(```+).*?^ *\1$/gms, '').replaceAll(/`[^`\n]*`/g, '')
}
