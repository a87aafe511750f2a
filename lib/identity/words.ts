/**
 * Recovery words (BIP-39, English): the 32-byte seed of an identity as 24 words with a checksum, to be written on paper. The words are
 * the seed itself, not what derives one. The list of words is loaded when it is first needed.
 */

import { HandfastError } from '../base/errors.ts'

const wordCount = 24

const load = () =>
  Promise.all([import('@scure/bip39'), import('@scure/bip39/wordlists/english.js')])

/** The 24 words of a seed of 32 bytes. */
export async function wordsOfSeed(seed: Uint8Array): Promise<string> {
  const [{ entropyToMnemonic }, { wordlist }] = await load()
  return entropyToMnemonic(seed, wordlist)
}

/**
 * The seed of 24 words, in any case and spaced in any way.
 * @throws HandfastError `bad-words`, which does not say what is wrong: words are a secret
 */
export async function seedOfWords(words: string): Promise<Uint8Array> {
  const [{ mnemonicToEntropy }, { wordlist }] = await load()
  const plain = words.trim().toLowerCase().split(/\s+/)
  try {
    if (plain.length !== wordCount) throw new HandfastError('bad-words')
    return mnemonicToEntropy(plain.join(' '), wordlist)
  } catch {
    throw new HandfastError('bad-words', `Not ${wordCount} recovery words, or one is mistaken`)
  }
}
