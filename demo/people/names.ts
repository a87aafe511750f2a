/**
 * What people call themselves: told by each to the other over their link, and remembered in this browser for when
 * they are away. A name is a claim; only the key is proven, so the page always shows both.
 */

import type { PeerId } from 'handfast'

export const maxNameLength = 24

const friendlyNames =
  'alder ash aster briar clover fern finch hazel heron ivy juniper lark laurel linden maple olive robin rowan sorrel swift thistle violet willow wren'.split(
    ' ',
  )

/** A name fit to show: no control, formatting or direction-changing characters, of limited length. */
export function cleanName(claimed: unknown): string | null {
  if (typeof claimed !== 'string') return null
  const name = claimed
    .slice(0, 1000)
    .normalize('NFC')
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '')
    .trim()
  return [...name].slice(0, maxNameLength).join('') || null
}

/** A name that nobody in `taken` has. */
export function friendlyName(taken: Iterable<string>): string {
  const used = new Set(taken)
  const free = friendlyNames.filter((name) => !used.has(name))
  const choice = free.length > 0 ? free : friendlyNames
  return choice[Math.floor(Math.random() * choice.length)]!
}

/** Of whoever opened this page first: called by a name that was drawn. */
export const firstPerson = 'me'

const ownNameKey = (person: string) => `handfast-demo/own-name/${person}`

function nameGiven(person: string): string | null {
  try {
    return cleanName(localStorage.getItem(ownNameKey(person)))
  } catch {
    return null
  }
}

/** What one calls oneself, kept where the browser allows it; at first the name of the identity, or one that is drawn. */
export function rememberedName(person: string): string {
  const given = nameGiven(person)
  if (given !== null || person !== firstPerson) return given ?? person
  const drawn = friendlyName([])
  greet(person, drawn)
  return drawn
}

/** Somebody new is wanted here, by a click on this page: a link with their name in it needs no further question. */
export function greet(person: string, name = person): void {
  try {
    rememberName(person, name)
  } catch {
    // Where nothing is kept, the question is asked.
  }
}

export const isGreeted = (person: string): boolean => nameGiven(person) !== null

export function rememberName(person: string, name: string): void {
  localStorage.setItem(ownNameKey(person), name)
}

/** The names of one identity's contacts, in localStorage where the browser allows it. */
export class NameBook {
  readonly #key: string
  readonly #names: Map<string, string>

  constructor(ownName: string) {
    this.#key = `handfast-demo/names/${ownName}`
    this.#names = new Map(this.#load())
  }

  get(peer: PeerId): string | undefined {
    return this.#names.get(peer)
  }

  all(): string[] {
    return [...this.#names.values()]
  }

  set(peer: PeerId, name: string): void {
    this.#names.set(peer, name)
    this.#save()
  }

  delete(peer: PeerId): void {
    this.#names.delete(peer)
    this.#save()
  }

  #load(): [string, string][] {
    try {
      const stored = Object.entries(JSON.parse(localStorage.getItem(this.#key) ?? '{}'))
      return stored.flatMap(([peer, claimed]) => {
        const name = cleanName(claimed)
        return name ? [[peer, name]] : []
      })
    } catch {
      return []
    }
  }

  #save(): void {
    try {
      localStorage.setItem(this.#key, JSON.stringify(Object.fromEntries(this.#names)))
    } catch {
      // Storage is full or forbidden: the names last as long as the page.
    }
  }
}

/** Enough of a PeerId to tell two apart at a glance. */
export const shortPeer = (peer: PeerId): string => `${peer.slice(0, 6)}…${peer.slice(-6)}`
