/** What begins each message between a client and a relay. Imported whole, as `verb`. [protocol] `docs/protocol.md`, "Relays". */

export const welcome = 0
export const subscribe = 1
export const unsubscribe = 2
export const publish = 3
export const published = 4
export const deliver = 5
