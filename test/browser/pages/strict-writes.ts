/** Reports an error, which fails the test, for any write that is not strict where losing it loses a message, a ticket or a contact. */

const precious = ['keys', 'tickets', 'contacts', 'peers', 'outbox', 'inbox', 'drafts']
/** Write transactions of this page, by table. */
export const writes: Record<string, number> = {}

const { transaction } = IDBDatabase.prototype
IDBDatabase.prototype.transaction = function (...args) {
  const started = transaction.apply(this, args)
  if (started.mode !== 'readwrite') return started
  for (const table of started.objectStoreNames) {
    writes[table] = (writes[table] ?? 0) + 1
    if (precious.includes(table) && started.durability !== 'strict') {
      reportError(new Error(`a write to ${table} is ${started.durability}`))
    }
  }
  return started
}
