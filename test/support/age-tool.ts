/** The `age` tool, another implementation of the format, where it is installed. It asks for passphrases on a terminal: `script` makes one. */

import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const hasAge = (): boolean =>
  spawnSync('age', ['--version']).status === 0 && spawnSync('script', ['--version']).status === 0

/** Runs age on `input`; returns what it wrote. */
async function age(options: string, input: string | Uint8Array, passphrase: string) {
  const folder = await mkdtemp(join(tmpdir(), 'age-'))
  try {
    await writeFile(join(folder, 'in'), input)
    const tool = spawn('script', ['-qec', `age ${options} -o out in`, '/dev/null'], { cwd: folder })
    let said = ''
    let answered = 0
    tool.stdout.on('data', (text: Buffer) => {
      said += text.toString()
      const asked = said.match(/passphrase[^:]*: /gi)?.length ?? 0
      while (answered < asked) {
        answered++
        tool.stdin.write(`${passphrase}\n`)
      }
    })
    const status = await new Promise((resolve) => tool.on('exit', resolve))
    if (status !== 0) throw new Error(`age failed: ${said}`)
    return await readFile(join(folder, 'out'))
  } finally {
    await rm(folder, { recursive: true })
  }
}

export const ageEncrypt = (plain: string, passphrase: string, armored = true) =>
  age(armored ? '-p -a' : '-p', plain, passphrase)

export const ageDecrypt = async (file: string | Uint8Array, passphrase: string) =>
  (await age('-d', file, passphrase)).toString()
