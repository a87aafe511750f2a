import { describe, expect, it } from 'vitest'
import { seedOfWords, wordsOfSeed } from '../../../lib/identity/words.ts'

const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))
const times = (word: string, count: number) => `${word} `.repeat(count).trim()

/** The examples of 256 bits that BIP-39 names as its test vectors. */
const vectors: [entropy: string, words: string][] = [
  ['00'.repeat(32), `${times('abandon', 23)} art`],
  [
    '7f'.repeat(32),
    'legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title',
  ],
  [
    '80'.repeat(32),
    'letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic bless',
  ],
  ['ff'.repeat(32), `${times('zoo', 23)} vote`],
  [
    '68a79eaca2324873eacc50cb9c6eca8cc68ea5d936f98787c60c7ebc74e6ce7c',
    'hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple dilemma loan word shrug inflict delay length',
  ],
  [
    '9f6a2878b2520799a44ef18bc7df394e7061a224d2c33cd015b157d746869863',
    'panda eyebrow bullet gorilla call smoke muffin taste mesh discover soft ostrich alcohol speed nation flash devote level hobby quick inner drive ghost inside',
  ],
  [
    '066dca1a2bb7e8a1db2832148ce9933eea0f3ac9548d793112d9a95c9407efad',
    'all hour make first leader extend hole alien behind guard gospel lava path output census museum junior mass reopen famous sing advance salt reform',
  ],
  [
    'f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f',
    'void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing screen patrol group space point ten exist slush involve unfold',
  ],
]

describe('recovery words', () => {
  it.each(vectors)('BIP-39: %s', async (entropy, words) => {
    expect(await wordsOfSeed(hex(entropy))).toBe(words)
    expect(await seedOfWords(words)).toEqual(hex(entropy))
  })

  it('are read in any case and spacing', async () => {
    const [entropy, words] = vectors[4]!
    const typed = `  ${words.toUpperCase().replaceAll(' ', '\n  ')}\t`
    expect(await seedOfWords(typed)).toEqual(hex(entropy))
  })

  const [, words] = vectors[5]!
  it.each([
    ['none', ''],
    ['a dozen, however valid', `${times('abandon', 11)} about`],
    ['one too few', words.split(' ').slice(1).join(' ')],
    ['one too many', `${words} inside`],
    ['two swapped', words.replace('panda eyebrow', 'eyebrow panda')],
    ['one mistyped', words.replace('gorilla', 'gorila')],
    ['one of another list', words.replace('gorilla', 'gorille')],
    ['another of the list', words.replace('gorilla', 'ghost')],
  ])('%s: refused, and no word is in the error', async (_, typed) => {
    const error = await seedOfWords(typed).then(
      () => undefined,
      (reason: unknown) => reason as Error & { code: string },
    )
    expect(error?.code).toBe('bad-words')
    expect(error?.cause).toBeUndefined()
    expect(`${error!.message} ${error!.stack}`).not.toMatch(/panda|goril|ghost|abandon/)
  })
})
