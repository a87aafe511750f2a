/**
 * Runs blocks of the documents as they stand, as modules: their types are taken away, and what they import, take from the page, or are given
 * as `identity`, `mesh`, `link` and `ticket` comes from the test.
 */

import { transformWithOxc } from 'vite'
import { Identity } from '../../../lib/identity/identity.ts'
import type { IdentityOptions, RestoreOptions } from '../../../lib/identity/options.ts'
import { joinIdentity, type JoinOptions } from '../../../lib/mesh/joining.ts'
import { Mesh } from '../../../lib/mesh/mesh.ts'
import type { MeshOptions } from '../../../lib/mesh/options.ts'
import type { Ticket } from '../../../lib/ticket/ticket.ts'
import { ask, type AskOptions } from '../../../lib/session/ask.ts'
import { MemoryStore } from '../../../lib/storage/memory-store.ts'
import { HandfastError } from '../../../lib/base/errors.ts'
import { verifySigned } from '../../../lib/identity/signed-message.ts'
import { World } from '../../support/memory-peers.ts'
import { blocks } from './blocks.ts'

/** The block of a document that contains a text; there must be one alone. */
export function blockWith(file: string, text: string): string {
  const found = blocks.filter((block) => block.file === file && block.code.includes(text))
  if (found.length !== 1) throw new Error(`${found.length} blocks of ${file} have ${text}`)
  return found[0]!.code
}

export type Given = Readonly<Record<string, unknown>>
type Exports = Record<string, (...args: never[]) => unknown>

const place = 'givenToBlock'
let count = 0

/** `modules`: what imports lead to; `names`: what else there is, also instead of globals. Resolves with what the block exports. */
export async function runBlock(code: string, modules: Given, names: Given = {}): Promise<Exports> {
  const { code: plain } = await transformWithOxc(code, 'block.ts', { sourcemap: false })
  const body = plain.replaceAll(
    /^import \{([^}]*)\} from "(.*?)";?$/gm,
    (_, list: string, from: string) =>
      `const {${list.replaceAll(' as ', ': ')}} = globalThis.${place}.modules[${JSON.stringify(from)}];`,
  )
  const isOwn = (name: string) => new RegExp(`\\b(?:const|let|function)\\s+${name}\\b`).test(body)
  const missing = Object.keys(names).filter((name) => !isOwn(name))
  const head = `const { ${missing.join(', ')} } = globalThis.${place}.names;`
  Object.assign(globalThis, { [place]: { modules, names } })
  try {
    const source = encodeURIComponent(`${head}\n${body}\n//${count++}`)
    return (await import(/* @vite-ignore */ `data:text/javascript,${source}`)) as Exports
  } finally {
    Reflect.deleteProperty(globalThis, place)
  }
}

/** The library in memory: databases by name, no IndexedDB, no relay, no WebRTC. Otherwise the same. */
export class InMemory {
  readonly world = new World()
  readonly opened: Mesh[] = []
  readonly identities: Identity[] = []
  readonly #stores = new Map<string, MemoryStore>()

  /** What `import … from 'handfast'` gets. */
  readonly handfast: Given = {
    HandfastError,
    verifySigned,
    Identity: {
      open: (options: IdentityOptions = {}) => this.#keep(Identity.open(this.#stored(options))),
      restore: (options: RestoreOptions) => this.#keep(Identity.restore(this.#stored(options))),
    },
    Mesh: { open: (options: MeshOptions) => this.open(options) },
    joinIdentity: (ticket: Ticket | string, options: JoinOptions) =>
      joinIdentity(ticket, { ...this.#stored(options), ...this.#ways() }),
    ask: (address: string, method: string, params: unknown, options: AskOptions = {}) =>
      ask(address, method, params, { ...options, relays: [], signaling: this.#ways().signaling }),
  }

  /** Another browser, in which no name is taken. */
  forget(): void {
    this.#stores.clear()
  }

  async open({ relays: _, ice: __, ...options }: MeshOptions): Promise<Mesh> {
    const { mesh } = await this.world.peer(options)
    this.opened.push(mesh)
    return mesh
  }

  /** Two who know each other. */
  async pair() {
    const [one, other] = [await this.world.peer(), await this.world.peer()]
    const link = await other.mesh.accept(await one.mesh.invite())
    return { one, other, link, back: one.mesh.links.get(other.mesh.peer)! }
  }

  #ways() {
    return { transport: this.world.network.transport(), signaling: [this.world.board.path()] }
  }

  #stored<T extends IdentityOptions>(options: T): T {
    const { name = 'default' } = options
    let store = this.#stores.get(name)
    if (!store) {
      // Closing an identity closes its way to a database, which stays.
      store = Object.assign(new MemoryStore(), { close: async () => {} })
      this.#stores.set(name, store)
    }
    return { ...options, store }
  }

  async #keep(identity: Promise<Identity>): Promise<Identity> {
    const opened = await identity
    this.identities.push(opened)
    return opened
  }
}
