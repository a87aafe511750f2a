/**
 * A simulated disk, which outlives the processes that open it. A strict commit is on it, with all before it; of the relaxed ones that
 * follow, a crash may lose the latest. A transaction may be slow, run into a quota, or lose its database with the outcome unknown.
 */

import { HandfastError } from '../base/errors.ts'
import { StagedTransaction, type Source, type Write } from '../storage/staged-transaction.ts'
import type {
  Store,
  StoreRecord,
  StoreTransaction,
  Table,
  TransactionOptions,
} from '../storage/store.ts'
import type { Faults } from './faults.ts'
import { never, type Process } from './process.ts'
import type { Random } from './random.ts'

type Records = Map<string, { readonly table: Table; readonly record: StoreRecord }>

const commitMs = [0.2, 3] as const
const slowCommitMs = [50, 1_500] as const

export class Disk {
  readonly #random: Random
  readonly #faults: Faults
  #synced: Records = new Map()
  #unsynced: (readonly Write[])[] = []
  /** What readers see: all that was committed. */
  #records: Records = new Map()

  constructor(random: Random, faults: Faults) {
    this.#random = random
    this.#faults = faults
  }

  /** Keys of what was committed to a table. */
  keys(table: Table): string[] {
    const entries = [...this.#records.values()].filter((entry) => entry.table === table)
    return entries.map(({ record }) => record.key)
  }

  /** About what the records of some tables take. */
  bytesOf(tables: readonly Table[]): number {
    const entries = [...this.#records.values()].filter(({ table }) => tables.includes(table))
    return entries.reduce((sum, { record }) => sum + sizeOf(record), 0)
  }

  open(process: Process): Store {
    process.onDown((why) => {
      if (why === 'crash') this.#crash(process)
    })
    let last: Promise<unknown> = Promise.resolve()
    let isClosed = false
    return {
      transaction: async (scope, options, work) => {
        if (isClosed) throw new HandfastError('closed')
        if (!process.effect('store-ask', scope.join('+'))) return never()
        const run = last.then(() => this.#transaction(process, scope, options, work))
        last = run.catch(() => {})
        return run
      },
      close: async () => {
        isClosed = true
        await last
      },
    }
  }

  async #transaction<T>(
    process: Process,
    scope: readonly Table[],
    { mode, durability, unless }: TransactionOptions,
    work: (transaction: StoreTransaction) => Promise<T>,
  ): Promise<T> {
    const draw = () => this.#random.next()
    const isSlow = this.#faults.strikes('store-latency', draw)
    const isFailing = this.#faults.strikes('store-failure', draw)
    const failsBefore = draw() < 0.5
    const [low, high] = isSlow ? slowCommitMs : commitMs
    const latencyMs = this.#random.between(low, high)
    const pass = (ms: number) =>
      new Promise<void>((resolve) => process.runtime.setTimer(ms, resolve))
    const beforeMs = latencyMs * draw()
    await pass(beforeMs)
    if (isFailing && failsBefore) throw new HandfastError('storage-failed', 'the quota is used up')
    const staged = new StagedTransaction(scope, mode, this.#source)
    const result = await work(staged).finally(() => staged.end())
    if (unless !== undefined && this.#records.has(`mesh/${unless}`)) {
      throw new HandfastError('not-leading')
    }
    const writes = [...staged.end()]
    await pass(latencyMs - beforeMs)
    if (writes.length > 0) {
      if (!process.effect('store-commit', writes.length)) return never()
      this.#commit(writes, durability === 'strict')
    }
    if (!process.effect('store-resolve')) return never()
    if (isFailing) throw new HandfastError('storage-failed', 'the database was lost')
    return result
  }

  readonly #source: Source = {
    get: async (table, key) => structuredClone(this.#records.get(`${table}/${key}`)?.record.value),
    list: async (table, prefix = '') =>
      structuredClone(
        [...this.#records.values()]
          .filter((entry) => entry.table === table && entry.record.key.startsWith(prefix))
          .map(({ record }) => record),
      ),
  }

  #commit(writes: readonly Write[], isStrict: boolean): void {
    apply(this.#records, writes)
    this.#unsynced.push(writes)
    if (isStrict) this.#sync(this.#unsynced.length)
  }

  #sync(commits: number): void {
    for (const writes of this.#unsynced.splice(0, commits)) apply(this.#synced, writes)
  }

  #crash(process: Process): void {
    const kept = this.#random.below(this.#unsynced.length + 1)
    process.trace('commits-lost', this.#unsynced.length - kept)
    this.#sync(kept)
    this.#unsynced = []
    this.#records = new Map(this.#synced)
  }
}

function sizeOf(value: unknown): number {
  if (value instanceof Uint8Array || typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 8
  return Object.entries(value).reduce((sum, [key, item]) => sum + key.length + sizeOf(item), 0)
}

function apply(records: Records, writes: readonly Write[]): void {
  for (const { table, key, record } of writes) {
    if (record) records.set(`${table}/${key}`, { table, record })
    else records.delete(`${table}/${key}`)
  }
}
