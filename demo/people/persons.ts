/**
 * The people whom this browser holds, and which of them it is where its address does not say: the one that came here last by words, by a
 * backup or from another device, or was chosen; else the one it began with.
 */

import { cleanName, firstPerson } from './names.ts'

const key = 'handfast-demo/person'

/** Of an identity's database, before its name. */
const databasePrefix = 'handfast/'

export function rememberedPerson(): string {
  try {
    return cleanName(localStorage.getItem(key)) ?? firstPerson
  } catch {
    return firstPerson
  }
}

/** Without an `as` in its address, the page opens as this one from now on. */
export function rememberPerson(name: string): void {
  try {
    localStorage.setItem(key, name)
  } catch {
    // Where nothing is kept, the address has to say it.
  }
}

/** The names of all that are kept in this browser; none where it doesn't tell. */
export async function personsHere(): Promise<string[]> {
  const databases = (await indexedDB.databases?.().catch(() => [])) ?? []
  return databases
    .flatMap(({ name }) =>
      name?.startsWith(databasePrefix) ? [name.slice(databasePrefix.length)] : [],
    )
    .filter((name) => cleanName(name) === name)
    .sort()
}
