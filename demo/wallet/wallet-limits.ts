/** Every limit of the wallet, in one place: what a partner can make one hold, and what a person can type. */

/** Characters of a tally's name, of its unit, and of a note or a reason. */
export const maxNameLength = 40
export const maxUnitLength = 12
export const maxNoteLength = 140

/** Decimals of a unit: more than any currency has. */
export const maxDecimals = 6

/** Digits of an amount in the smallest unit: a thousand billion with six decimals. */
export const maxAmountDigits = 18

/** Requests of one side that wait for an answer. Whoever has as many waits, too. */
export const maxPendingRequests = 20

/** Offers of one side that it has taken back, without the other having signed anything since that knows of it. */
export const maxUnheardWithdrawals = 20

/** Entries of one side in the books of a pair. All of them, signed, are some 10 MB; years of daily payments. */
export const maxEntriesPerSide = 10_000

/** An entry as signed: a note of 140 characters in the widest script, and three certificates. */
export const maxSignedEntryBytes = 8 * 1024

/** What a page can read: 1 knows no `withdraw`. Whoever is told of an entry that it does not know leaves it, and says so. */
export const entriesVersion = 2
export const withdrawVersion = 2

/** Entries read or verified before the time is looked at: half a millisecond each, with signatures. */
export const entriesAtOnce = 16

/** How long a page works on entries before it is drawn and answers again. */
export const maxTurnMs = 20

/** Entries taken from the disk at a time. */
export const entriesPerPage = 500

/** Entries asked for, and given, at a time: at most half a megabyte. */
export const maxEntriesPerRequest = 64

/** Rounds of asking before one gives up until the links opens again: a partner that always has more to tell is making it up. */
export const maxRoundsPerComparison = Math.ceil((2 * maxEntriesPerSide) / maxEntriesPerRequest)

/** Before one signs, the partner has so long to tell what one signed elsewhere. */
export const hearFirstTimeoutMs = 2_000

/** How long to wait for an answer about the books. */
export const answerTimeoutMs = 10_000

/** Entries that conflict which are kept to be shown, per pair: one is proof enough. */
export const maxKeptForks = 4
