/** The demo's own wallet in a page, without its looks: for what is done too often to be clicked. `?name=` tells people apart. */

import { Identity, Mesh, type PeerId } from '../../../lib/index.ts'
import { balanceOf } from '../../../demo/wallet/account.ts'
import { append, drafted, emptyBooks, sideIn } from '../../../demo/wallet/books.ts'
import type { Act, Terms } from '../../../demo/wallet/entry.ts'
import { proven } from '../../../demo/wallet/proof.ts'
import { WalletStore, type StoredEntry } from '../../../demo/wallet/wallet-store.ts'
import { Wallet } from '../../../demo/wallet/wallet.ts'

export interface Deed {
  what: 'pay' | 'request' | 'decline' | 'withdraw' | 'close' | 'keep'
  /** Of a payment or request, in the smallest unit. */
  amount: number
  /** Which of the requests that wait. */
  pick: number
}

const terms: Terms = { name: 'Walk', unit: 'EUR', decimals: 2, limits: [20_000n, 20_000n] }

class TestWallet {
  readonly mesh: Mesh
  readonly wallet: Wallet

  constructor(mesh: Mesh, wallet: Wallet) {
    this.mesh = mesh
    this.wallet = wallet
  }

  get partner(): PeerId {
    const [partner] = this.mesh.links.keys()
    if (!partner) throw new Error('no partner')
    return partner
  }

  async invite(): Promise<string> {
    return (await this.mesh.invite()).toString()
  }

  async accept(ticket: string): Promise<void> {
    await this.mesh.accept(ticket)
    await this.wallet.compareWith(this.partner)
  }

  /** What might be done so, as things stand here. */
  #actFor({ what, amount, pick }: Deed): Act | null {
    const { books } = this.wallet.of(this.partner)
    const { tally, offer } = books.account
    const me = sideIn(books, this.wallet.me)
    if (offer?.by === me) return what === 'withdraw' ? { do: what, entry: offer.id } : null
    if (offer) return { do: 'accept', offer: offer.id }
    if (!tally) return { do: 'offer', answers: null, terms }
    const asked = tally.requests.filter(({ by }) => by !== me)
    const request = asked[pick % asked.length]
    const common = { tally: tally.id, note: '' }
    const own = tally.requests.filter(({ by }) => by === me)
    switch (what) {
      case 'pay': {
        const answered = pick % 3 === 0 ? request : undefined
        const wanted = answered?.amount ?? BigInt(amount)
        return { do: what, ...common, amount: wanted, request: answered?.id ?? null }
      }
      case 'request':
        return { do: what, ...common, amount: BigInt(amount) }
      case 'decline':
        return request ? { do: what, ...common, request: request.id } : null
      case 'withdraw':
        return own[0] ? { do: what, entry: own[pick % own.length]!.id } : null
      default:
        return { do: what, tally: tally.id }
    }
  }

  /** One after the other. Returns what was done; what is against the rules is not. */
  async does(deeds: readonly Deed[]): Promise<string[]> {
    await this.wallet.ready
    const done: string[] = []
    for (const deed of deeds) {
      const act = this.#actFor(deed)
      if (!act) continue
      try {
        await this.wallet.act(this.partner, act)
        done.push(act.do)
      } catch (error) {
        if ((error as Error).name !== 'Refusal') throw error
      }
    }
    return done
  }

  /** Compares until both have the same, and checks every signature and rule. */
  async settled() {
    const { agrees } = await this.wallet.compareWith(this.partner)
    const verified = await this.wallet.verify(this.partner)
    const { books, note } = this.wallet.of(this.partner)
    const side = sideIn(books, this.wallet.me)
    const { tally, closed } = books.account
    return {
      agrees,
      verified,
      entries: books.chains.map((chain) => chain.map(({ id }) => id)),
      balance: tally ? String(balanceOf(tally, side)) : 'none',
      closed: closed.length,
      faults: [note.fault, note.forks.length, note.isRefused],
    }
  }
}

/** Books of two people of this browser, as long as if they had paid each other to and fro for years. */
async function fill(names: readonly [string, string], payments: number): Promise<void> {
  const people = await Promise.all(names.map((name) => Identity.open({ name })))
  const [one, other] = people as [Identity, Identity]
  const stores = names.map((name) => new WalletStore(name))
  const waiting: StoredEntry[] = []
  let books = emptyBooks(one.peer, other.peer)
  const flush = async () => {
    const all = waiting.splice(0)
    await stores[0]!.append(all.map((each) => ({ ...each, partner: other.peer })))
    await stores[1]!.append(all.map((each) => ({ ...each, partner: one.peer })))
  }
  const does = async (who: Identity, act: Act) => {
    const done = await proven(who, drafted(books, who.peer, act, Date.now()))
    books = append(books, done.entry)
    waiting.push(done.stored)
    if (waiting.length === 500) await flush()
    return done.entry.id
  }
  const tally = await does(one, { do: 'offer', answers: null, terms })
  await does(other, { do: 'accept', offer: tally })
  for (let count = 0; count < payments; count++) {
    const who = count % 2 ? one : other
    await does(who, { do: 'pay', tally, amount: 1n, note: `Number ${count}`, request: null })
  }
  await flush()
  await Promise.all(stores.map((store) => store.close()))
}

async function open(): Promise<TestWallet> {
  const name = new URLSearchParams(location.search).get('name') ?? 'default'
  const identity = await Identity.open({ name })
  const relay = `ws://${location.host}/relay`
  const mesh = await Mesh.open({ identity, relays: [relay], idleTimeoutMs: 3600_000 })
  return new TestWallet(mesh, new Wallet(mesh, identity, name))
}

declare global {
  var walletUnderTest: Promise<TestWallet>
  var fillBooks: typeof fill
}

globalThis.fillBooks = fill
// For filling alone, nobody needs to be there.
if (location.search) globalThis.walletUnderTest = open()
