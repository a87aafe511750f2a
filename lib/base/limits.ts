/**
 * Every size, count and time of the library, with its unit and its reason. Those marked [protocol] are part of
 * `docs/protocol.md` and may not be changed by one side alone; the others are this implementation's choice.
 */

// ── Frames and messages ──────────────────────────────────────────────────────────────────────────────

/** [protocol] A Noise transport message is at most 65,535 bytes, tag included. */
export const maxFrameBytes = 65_535

/** [protocol] What the AEAD adds to each frame. */
export const aeadTagBytes = 16

/** [protocol] Frames between two Noise rekeys, each way. */
export const framesPerRekey = 65_536

/** [protocol] One record, encoded: a message, request or response. A wallet message is small; more belongs on a stream. */
export const maxMessageBytes = 4 * 1024 * 1024

// ── Packets ──────────────────────────────────────────────────────────────────────────────────────────

/** [protocol] A packet on signaling, all included: an offer with every candidate is about 1 KiB. */
export const maxPacketBytes = 16 * 1024

/** [protocol] Mailbox tags. */
export const tagBytes = 16

// ── Cryptography ─────────────────────────────────────────────────────────────────────────────────────

/**
 * Highest counter of a cipher key. Noise allows 2^64-2; JavaScript counts exactly to 2^53-1, which at a million
 * frames a second takes 285 years.
 */
export const maxNonce = 9_007_199_254_740_991

// ── Transport ────────────────────────────────────────────────────────────────────────────────────────

/** [protocol] Candidates of one peer in one attempt. Host candidates fill at most half, so that a relay's always fits. */
export const maxCandidates = 32

/** [protocol] What each side must take at least in one data-channel message: below it, overhead would rule. */
export const minChannelMessageBytes = 1_024

/** Wait of a description for its first candidate. Browsers have one in 2–5 ms; what is later follows it. */
export const firstCandidateMs = 30

/** The same where only relay candidates may be sent, which takes a round trip or two to the TURN server. */
export const firstRelayCandidateMs = 2_000

/** Candidates come in bursts: what follows the first one in the same instant leaves with it. */
export const candidateSettleMs = 0

/** Later candidates go out together, at most one list in this time. */
export const candidateIntervalMs = 20

/** `onDrain` is called when no more than this is buffered: 30 ms of traffic at full speed. */
export const channelLowWaterBytes = 1024 * 1024

/** Senders pause when this much is buffered. */
export const channelHighWaterBytes = 2 * 1024 * 1024

/** `send` refuses beyond this. Chromium's own buffer ends at 16 MiB, Firefox's nowhere. */
export const maxChannelBufferBytes = 8 * 1024 * 1024

/** Messages that may arrive before a channel has its listener, which is normally set at once. */
export const maxEarlyMessages = 64

// ── Identity ─────────────────────────────────────────────────────────────────────────────────────────

/** [protocol] A device certificate is about 330 bytes; room for scopes, and three of them in a ticket. */
export const maxCertificateBytes = 1024

/** Certificates whose signatures need not be checked again: those of the contacts in use. */
export const maxVerifiedCertificates = 256

/** [protocol] Root → device → device → device: each is one more that may certify, and one more that can be stolen. */
export const maxChainLength = 3

/** [protocol] What can follow a root's first device: two more, a peer certificate, and that peer's own three. */
export const maxPathLength = 6

/** [protocol] Scopes in one certificate, bytes of one, and of all: what else is in a device's certificate leaves 700. */
export const maxScopes = 16
export const maxScopeBytes = 80
export const maxScopesBytes = 640

/** [protocol] Devices one identity can revoke: more than a life's worth. All of them, signed, are below 2.4 KiB. */
export const maxRevokedDevices = 64
export const maxRevocationsBytes = 2560

/** [protocol] Two clocks may each be a day off; a certificate is not a clock. */
export const certificateClockToleranceS = 48 * 3600

// ── Tickets ──────────────────────────────────────────────────────────────────────────────────────────

/** [protocol] Relays named in a ticket: each costs the invited side a connection. */
export const maxTicketRelays = 4

/** [protocol] One relay URL. */
export const maxRelayUrlBytes = 256

/** [protocol] A memo is a word to a person, and a QR code has to hold it. */
export const maxMemoBytes = 128

/** [protocol] A purpose is a name the application branches on. */
export const maxPurposeBytes = 32

/** [protocol] A ticket, encoded: the largest possible is about 2 KiB, and a QR code holds no more than that. */
export const maxTicketBytes = 2560

/** [protocol] Uses of one ticket. */
export const maxTicketUses = 1000

/** An invitation is handed over and used within minutes. */
export const defaultTicketLifetimeMs = 10 * 60_000

/** A longer-lived ticket is a standing key in somebody's mailbox. */
export const maxTicketLifetimeMs = 30 * 24 * 3600_000

/** Tickets open at a time: each keeps a mailbox subscribed. */
export const maxOpenTickets = 1024

// ── Storage ──────────────────────────────────────────────────────────────────────────────────────────

/** A blocked IndexedDB open says so at most once and then waits for ever. */
export const databaseTimeoutMs = 3_000

/** A transaction during which nothing at all moved in its database for this long has lost it. */
export const databaseStallMs = 4_500

/** Microtasks without a call after which the memory store says, as IndexedDB does, that work waits elsewhere. */
export const idleMicrotasks = 1_000

// ── Signaling ────────────────────────────────────────────────────────────────────────────────────────

/** [protocol] One WebSocket message to or from a relay: the largest packet with room to spare. */
export const maxRelayMessageBytes = 64 * 1024

/** [protocol] Tags in one subscribe or unsubscribe: 17 KiB. */
export const maxTagsPerRelayMessage = 1024

/** Tags one path, or one connection to a relay, subscribes to: a thousand contacts for three days each, and tickets. */
export const maxSubscribedTags = 4096

/** Publishes of one path that are not answered yet; below a relay's default burst. */
export const maxPendingPublishes = 256

/** How long a publish waits for a connection and the relay's answer. */
export const publishTimeoutMs = 10_000

/** From opening the socket to the relay's welcome: TCP, TLS and upgrade on a poor mobile network. */
export const relayConnectTimeoutMs = 10_000

/** A relay answers within a round trip; silent for longer while it owes an answer, the socket is dead. */
export const relayAnswerTimeoutMs = 4_000

/** Silence after which a client asks whether its socket still lives: below the common 60 s of proxies and NATs. */
export const relayProbeIntervalMs = 45_000

/** First wait before connecting again; doubled at each failure, half of it random. */
export const relayRetryMinMs = 500

/**
 * Longest wait before connecting again: peers are to meet within 10 s of a relay's return. A connection that lasted this long starts
 * over at the first.
 */
export const relayRetryMaxMs = 5_000

/** Subscriptions made within this time share a message, so that thousands stay within a relay's rate. */
export const subscribeBatchMs = 20

/** How long a publish to other tabs waits for a receipt: several times what a busy tab takes. */
export const tabReceiptTimeoutMs = 200

// ── CBOR ─────────────────────────────────────────────────────────────────────────────────────────────

/** [protocol] Arrays and maps inside each other, in one item. Deeper is no message but an attack on a stack. */
export const maxCborDepth = 64

/**
 * [protocol] Items in one item or sequence: keys too, byte strings for four, keys that are array indices for what
 * engines reserve. A frame has fewer bytes than this; 4 MiB hold as many items of 16 bytes. At some 64 bytes an item, and
 * 170 where every map has other keys, a decoded message stays below 50 MB.
 */
export const maxCborItems = 262_144

/** [protocol] A map key in UTF-8. It is a name; engines hash very long strings by their length alone. */
export const maxCborKeyBytes = 1_024

/** [protocol] Magnitude of a bigint: wallets carry uint256. */
export const maxBigintBytes = 32

// ── Relay ────────────────────────────────────────────────────────────────────────────────────────────

/** How often a relay looks for idle connections. */
export const relayTickMs = 5_000

/** How long a relay waits for the other side to finish closing before it cuts the socket. */
export const relayCloseTimeoutMs = 2_000

/** A relay's HTTP request: headers within this time and size, since nothing but upgrades and two small pages is served. */
export const relayHeadersTimeoutMs = 10_000
export const relayMaxHeaderBytes = 8_192

// ── Sessions ─────────────────────────────────────────────────────────────────────────────────────────

/** [protocol] Smallest piece of a large record but the last: each costs its receiver an array. Less room than this ends the frame. */
export const minPartBytes = 256

/** A record below this waits for the next frame rather than going in pieces. */
export const smallRecordBytes = 4096

/** [protocol] Large records in transfer at a time, each way: a slow one must not block the next, nor fill the memory. */
export const maxTransfers = 4

/** Records about the session itself (acks, credits, pings) that wait for room. Each side owes a bounded number. */
export const maxControlRecords = 4096

/** Frames that may wait while a proven session is being taken into use. */
export const maxWaitingFrames = 256

/** How long a dial may take, from message 1 to the first frame. */
export const dialTimeoutMs = 20_000

/** Message 1 is published again after this, doubled each time: a repeat is answered with the same A. */
export const republishMs = 1_000
export const republishMaxMs = 4_000

/** How long the responder keeps an attempt whose initiator has not proven to be live. */
export const unprovenTimeoutMs = 30_000

/** Attempts that may be unproven at a time: each holds a peer connection. */
export const maxUnprovenAttempts = 8

/** T packets that may come before their A. */
export const maxEarlyPackets = 8

/** Answers kept so that a repeated message 1 gets the identical A. */
export const maxCachedAnswers = 64

/** [protocol] The responder ends a session in which nothing but pings has moved for this long. */
export const defaultIdleTimeoutMs = 5 * 60_000

/** Microtasks without a new record after which a frame leaves: an await chain between two sends takes about three. */
export const quietMicrotasks = 4

/** Records after which a frame leaves all the same; a frame holds about as many small ones. */
export const maxWakesPerFlush = 256

/** How long an open channel may stay without a frame of the other side. */
export const confirmTimeoutMs = 10_000

/** How long a `bye` waits for its reply before the channel is closed without. */
export const byeTimeoutMs = 1_000

/** [protocol] A session that leaves a ping unanswered for this long is dead. */
export const pingTimeoutMs = 3_000

/** [protocol] Silence of the other side after which it is pinged. */
export const pingAfterSilenceMs = 5_000

/** A ping unanswered for this long has the next dial begin while the session still stands: some round trips of a poor network. */
export const silentAfterMs = 1_500

/** The same for the ping of a page that comes back, which most likely finds its session gone. */
export const silentAfterWakeMs = 500

/** A timer later than this was held up by its page. Hidden pages have theirs once a second. */
export const lateTimerMs = 1_500

/** Bounds of an application's idle time-out; below, a session would end between two messages. */
export const minIdleTimeoutMs = 1_000
export const maxIdleTimeoutMs = 24 * 3600_000

/** [protocol] A session older than this is replaced by a fresh dial. */
export const maxSessionAgeMs = 24 * 3600_000

// ── Mailboxes ────────────────────────────────────────────────────────────────────────────────────────

/** Packets a mailbox takes at once, and per second: a dial is a few, a flood is a flood. */
export const mailboxBurst = 30
export const mailboxPacketsPerS = 2

/** Message 1 hashes remembered against replay, for as long as their tags live. Beyond it the oldest go. */
export const maxAnswered = 4096

/** Clocks further apart than this may look in different mailboxes. */
export const maxClockSkewMs = 12 * 3600_000

// ── Links ────────────────────────────────────────────────────────────────────────────────────────────

/** [protocol] Bytes of messages sent and not yet acknowledged: covers 33 MB/s at 120 ms. One message may exceed it alone. */
export const maxUnackedBytes = 4 * 1024 * 1024

/** What each message or chunk in a queue costs besides its bytes. [protocol] counted against `maxUnackedBytes` and credit. */
export const messageOverheadBytes = 64

/** Messages waiting on one link, in bytes. Beyond it `send` refuses with `queue-full`. */
export const maxQueuedBytes = 64 * 1024 * 1024

/** A handler that threw gets the message again after this, doubled each time. */
export const handlerRetryMinMs = 1_000
export const handlerRetryMaxMs = 60_000

/** Requests one link waits for. */
export const maxPendingRequests = 1024

/** [protocol] Requests of a peer being handled at a time; beyond it they fail with `queue-full`. */
export const maxConcurrentRequests = 256

/** [protocol] Bytes of the params of requests being handled on one session; beyond it they fail with `queue-full`. */
export const maxRunningBytes = 16 * 1024 * 1024

export const defaultRequestTimeoutMs = 30_000

/** [protocol] A method, a stream's name. */
export const maxNameBytes = 256

/** What a peer learns of why its request failed. */
export const maxFailureTextBytes = 1024

/** [protocol] Streams open at a time on one session. */
export const maxStreams = 256

/** [protocol] Bytes of one stream sent and not yet read by the application. */
export const streamWindowBytes = 1024 * 1024

/** Bytes a stream takes from its writer ahead of sending, so that frames leave full. */
export const streamBufferBytes = 256 * 1024

/** Waits between dials of a link that is wanted and away, jittered. */
export const redialMinMs = 1_000
export const redialMaxMs = 60_000

/** A session that ends sooner has not lasted: after the second of them dials wait. */
export const briefSessionMs = 5_000

/** Two dials that meet have led to sessions within this of each other. */
export const glareMs = 1_000

/** A dial that is older than this when the page or the network comes back is begun anew. */
export const staleDialMs = 3_000

/** Dials in vain of a link that nothing waits for. */
export const unneededDials = 3

/** Proven pacts kept with one peer: two that were made at once, and room for one that only one side has proven. */
export const maxPactsPerPeer = 4

/** [protocol] Contacts of one identity: each keeps three mailboxes subscribed. */
export const maxContacts = 1024

/** Dials begun in any `dialPlaceMs`: contacts that are away must not hold up those that are there. */
export const maxConcurrentDials = 8
export const dialPlaceMs = 2_000

/** Relays one mesh connects to at once: its own and its contacts'. */
export const maxRelays = 16

/** How long a contact's relay keeps its place at least, while others wait for one: some tries of one that is slow to come back. */
export const relayTurnMs = 60_000

// ── Cards ────────────────────────────────────────────────────────────────────────────────────────────

/** [protocol] Relays named in a card, as in a ticket. Also how many former ones are remembered. */
export const maxCardRelays = 4

/** [protocol] A card, encoded: the largest possible is about 2 KiB. */
export const maxCardBytes = 2560

/** [protocol] Cards and other announcements that one session may bring: those of eight devices at its start, and of every change after it. */
export const maxAnnouncementsPerSession = 256

/** A relay that one has left is listened at for so long, for contacts that slept through the move. */
export const formerRelaysMs = 30 * 24 * 3600_000

// ── Introductions ────────────────────────────────────────────────────────────────────────────────────

/**
 * Connected contacts through which one listens for others, so that what that takes grows with the number of contacts and not with its
 * square: 3 tags each, about 1 KB a contact and introducer.
 */
export const maxIntroducers = 16

/** A call unanswered for so long goes through other contacts too: message 1 is repeated then, for the second time. */
export const introduceAfterMs = 2_500

/**
 * Packets that a contact may have handed on, and may hand on to us, at once and per second: a call is about six. Less than a mailbox takes,
 * so that no contact can fill one.
 */
export const introductionBurst = 20
export const introductionsPerS = 0.5

/** Bytes on their way to one contact, above which packets to it are dropped. */
export const maxWaitingSignalBytes = 1024 * 1024

// ── Logs: outbox and inbox ───────────────────────────────────────────────────────────────────────────

/** Messages stored together in one record: each record costs the database as much as 10 KiB. */
export const maxSegmentBytes = 64 * 1024

/** Messages stored in one transaction, so that the first is not kept from leaving by the last. */
export const maxCommitBytes = 4 * 1024 * 1024

/** Runs of a mesh remembered with what they sent and nobody has acknowledged. The oldest go. */
export const maxRuns = 64

/** A storage that failed is tried again after this. */
export const storeRetryMs = 500

/** Messages that could not be stored for this long are refused. */
export const storePatienceMs = 5_000

/** How long acknowledged messages may stay in storage: a write of their own would hold up those to come. */
export const pruneLogMs = 200

/** Messages handled, and time since the first of them, after which the position is stored and acknowledged. */
export const commitMessages = 64
export const commitDelayMs = 20

/** Logs of one peer whose positions are remembered. The oldest go. */
export const maxPeerLogs = 8

/** Failures of one message in a row from which on the application is told. */
export const stuckAfterFailures = 5

// ── Tabs ─────────────────────────────────────────────────────────────────────────────────────────────

/** How often the tab that leads says so. Browsers slow the timers of hidden tabs down to this. */
export const leaderBeatMs = 1_000

/** Silence after which the leader is asked whether it is there: a hidden one answers messages long after its timers have slowed. */
export const leaderProbeMs = 1_500

/** Silence after which the lead is taken from a tab that hangs or is frozen. One that ends frees its lock at once. */
export const leaderSilenceMs = 3_000

/** Random addition to it, so that of many followers one comes first. */
export const leaderJitterMs = 400

/** Time without a sign of its own life after which a leader has to check that it still leads; less than `leaderSilenceMs`. */
export const leaderLeaseMs = 2_500

/** A timer that fires so much too late ran in a tab that slept: it knows nothing of others' silence. */
export const lateTabTimerMs = 1_200

/** Silence of the tab at the other end after which a channel between two tabs is asked for life, and after which it closes. */
export const tabProbeMs = 1_000
export const tabSilenceMs = 3_000

/** A follower whose leader is gone asks the same tab again after this, unless it hears of another before. */
export const tabRetryMs = 250

/** A tab that could not begin to lead, since its store failed, stands for it again after this. */
export const leadRetryMs = 1_000

/** Channels one tab accepts from others of its origin: more than a browser has tabs of one application. */
export const maxTabChannels = 64

/** [protocol] The last number of a log: the one after it still fits a `hello`. Then `send` fails with `exhausted`. */
export const maxSequence = 0xffff_fffe

/** Time between two looks at the drafts of other tabs. */
export const adoptEveryMs = 100

/** Messages of one tab, on one link, that wait to be taken into the log. Beyond it `send` refuses with `queue-full`. */
export const maxDraftBytes = 8 * 1024 * 1024

/** Messages of one link's log that are in memory: thrice what a session may have under way, so that reading keeps ahead of it. */
export const maxHeldBytes = 12 * 1024 * 1024

// ── Defence ──────────────────────────────────────────────────────────────────────────────────────────

/**
 * A use of a ticket that was reserved for so long, and whose bearer has not been live, goes to another where there is no other left: a caller
 * tries for 20 s, and again.
 */
export const reservationMs = 5 * 60_000

/** Packets beyond the budget of one mailbox on one path after which it is left there for a while. */
export const maxExcessPackets = 300

/** The same for an address, where many may ask; a relay hands on 20 a second by default. */
export const maxExcessQueries = 1_000

/** How soon half of them are forgotten. */
export const excessHalfLifeMs = 10_000

/** How long a flooded mailbox is left on that path: twice as long each time, which is forgotten by halves. Callers try for 20 s. */
export const floodPauseMinMs = 5_000
export const floodPauseMaxMs = 60_000
export const floodPauseHalfLifeMs = 5 * 60_000

/**
 * What a relay may send, in messages, of which half are forgotten in `relayLoadHalfLifeMs`: 4,200 a second for long, a
 * third of a processor. An honest relay that lets strangers flood some mailboxes must not get there before it has heard that they are left: some
 * seconds' worth, again and again.
 */
export const maxRelayLoad = 60_000
export const relayLoadHalfLifeMs = 10_000

/** Bytes of a relay's message that weigh as much as another message. */
export const relayLoadBytes = 4096

/** How long a relay that sent more is not connected to: twice as long each time, which is forgotten by halves. */
export const relayBanMinMs = 30_000
export const relayBanMaxMs = 10 * 60_000
export const relayBanHalfLifeMs = 3600_000

/** Key agreements (X25519) for packets that nothing has proven yet, a second and at once: a tenth of a processor, and 8 ms. */
export const keyAgreementsPerS = 1_000
export const keyAgreementBurst = 64

/** Contacts' devices with whom the secret of both static keys is kept in memory, so that a forged call costs one key agreement less. */
export const maxSharedSecrets = 1024

/** No such packet costs more before it is dropped. */
export const keyAgreementsPerPacket = 2

/** Packets that wait for their key agreement by one path. More are dropped: a caller repeats itself. */
export const maxWaitingPackets = 128

/** Those of one contact, or of one's own dial, by one path; and of a mailbox that many may come to at once. */
export const maxWaitingPerContact = 4
export const maxWaitingStrangers = 64

/** Work on packets pauses after this, for whatever else the page has to do. */
export const packetWorkMs = 4

/**
 * Calls of one contact that are answered, of which half are forgotten in `callHalfLifeMs`: one a second for long. One that was proven holds no
 * place any more, and counts for less.
 */
export const maxCallsPerContact = 40
export const provenCallWeight = 0.25
export const callHalfLifeMs = 30_000

// ── Rights ───────────────────────────────────────────────────────────────────────────────────────────

/** [protocol] Stretches of refused messages that are remembered. Beyond it the oldest go. */
export const maxRefusals = 1024

/** [protocol] Stretches in one record: it fits the smallest frame. */
export const maxRefusalsPerRecord = 64

// ── Queries of strangers ─────────────────────────────────────────────────────────────────────────────

/** [protocol] An address, encoded: as with cards. */
export const maxAddressBytes = 2560

/** [protocol] Relays named in an address, as in a ticket. */
export const maxAddressRelays = 4

/** An address is on a website or in a register; what is put there should be looked after now and then. */
export const defaultAddressLifetimeMs = 30 * 24 * 3600_000

/** What is still asked after a year is asked by mistake. */
export const maxAddressLifetimeMs = 365 * 24 * 3600_000

/** Addresses of one device at a time: one for each place it is published at, and one that replaces another. */
export const maxAddresses = 4

/** [protocol] The params of a query, and its answer, encoded. */
export const maxQueryValueBytes = 8 * 1024

/** What an asker leaves room for, unless it says otherwise. */
export const defaultAnswerBytes = 2048

/** Queries that an address takes by one path, at once and per second. A relay hands on 20 a second by default. */
export const addressBurst = 200
export const addressPacketsPerS = 100

/** Queries a second that a handler is given, unless the application says otherwise, and the most it can say. */
export const defaultQueriesPerS = 10
export const maxQueriesPerS = 1000

/** Queries being handled at a time; beyond it they are dropped, and answered when they are repeated. */
export const maxConcurrentQueries = 64

/** How long a handler may take: the asker has given up by then. */
export const queryHandlingMs = 30_000

/** Queries remembered, so that the identical one is not handled again. Beyond it the oldest go. */
export const maxKnownQueries = 4096

/** Answers kept for those that are repeated, in bytes: some hundreds at least. */
export const maxKeptAnswerBytes = 4 * 1024 * 1024

/** Time from the beginning of a lead until a method that no tab has named is said to have no handler: they name theirs at once. */
export const answersSettleMs = 1_000

// ── Devices of contacts ──────────────────────────────────────────────────────────────────────────────

/** Devices known of one peer. Beyond it the one not met for longest makes way; it may come again as one that was never met. */
export const maxDevicesPerPeer = 8

/** Devices of one peer whose position in their logs is remembered. What one that was forgotten sends again comes marked. */
export const maxInboxesPerPeer = 16

/** Relays at which the devices of one peer are listened for, those of the last met first. */
export const maxPeerRelays = 8

/** Devices of a peer that one call goes to, and after what time without an answer it goes to the next. */
export const maxRacingDials = 4
export const racingDialMs = 1_000

/** When a device was met is written down anew after this: it only says whom to call first. */
export const metAgainMs = 3600_000

/** Pacts with one peer that are remembered as forgotten, and forgotten peers; beyond it the earliest are, whom an old backup may bring back. */
export const maxForgottenPacts = 64
export const maxForgottenPeers = 4096

/**
 * Peers of whom something is known: contacts, and those that were forgotten or cut off. Beyond it what other devices and backups tell of
 * further ones is left out; whom the user cuts off here is always remembered.
 */
export const maxPeers = 8192

// ── Keys ─────────────────────────────────────────────────────────────────────────────────────────

/** PBKDF2-HMAC-SHA-256, as OWASP advises (2023): about half a second, once an opening. */
export const passphraseIterations = 600_000

/** NIST SP 800-132 asks for 128 bits at least. */
export const passphraseSaltBytes = 16

/** [age] log2 of scrypt's N for a backup, as the age tool has it: 256 MiB, and a second or two for each guess. */
export const backupWorkFactor = 18

/** Of a backup that is read: 1 GiB. A file that asks for more is there to harm. */
export const maxBackupWorkFactor = 20

/** After so long scrypt lets the page go on: below the 50 ms from which a task counts as long. */
export const scryptSliceMs = 30

/** Time before the end of the own certificate from when it is renewed, or the application is asked to. */
export const certificateWarningMs = 30 * 24 * 3600 * 1000

/** A backup file that is looked at: the words, and 10,000 contacts of 2 KB, thrice over. */
export const maxBackupBytes = 64 * 1024 * 1024

// ── People ───────────────────────────────────────────────────────────────────────────────────────────

/** Characters of the name that one gives a contact. */
export const maxPersonNameLength = 64

/** Events that a security log keeps: years of ordinary use. What others can bring about has half of the places, all else the other half. */
export const maxJournalEvents = 1_000

/** What others can do over and over is noted once in this time for each of them, so that they can't fill a log or keep a disk busy. */
export const refoldMs = 3_600_000

/** Characters of an event's detail: the longest scope fits. */
export const maxJournalDetailLength = 80

/** Events read at a time unless told otherwise. */
export const defaultJournalPage = 100

// ── Own devices ──────────────────────────────────────────────────────────────────────────────────────

/** Time for people to compare and to confirm, at both devices. */
export const pairingTimeoutMs = 600_000

/** Devices that wait to be let in, one a ticket. Further ones are met with silence. */
export const maxPairings = 4

/** What a new device is given of contacts: some thousand pacts with their peers' certificates. */
export const maxSnapshotBytes = 16 * 1024 * 1024

/** One item of a snapshot: a peer with eight devices, their cards and chains. */
export const maxSnapshotItemBytes = 64 * 1024

/** What is new is told to one's own other devices after this time, all together. */
export const syncDelayMs = 100
/** What a snapshot says of one peer: eight devices with their cards or chains, two peer chains, four pacts, revocations. */
export const maxPeerBytes = 64 * 1024

/** How long a certificate lasts that another device has renewed, unless its own ends before. */
export const renewedCertificateMs = 180 * 86_400_000

/** Signed lists of revocations of one identity, of roots that did not know of each other. The oldest go. */
export const maxRevocationLists = 4

/** What another device says it was told so much later than now is not believed: two clocks may each be a day off. */
export const maxClockLeadMs = 48 * 3600_000

/** Peers told of by own devices that are merged in one go: their signatures take about 30 ms. */
export const maxMergedAtOnce = 32

// ── For developers ───────────────────────────────────────────────────────────────────────────────────

/** A session whose other side was asked longer ago than this is asked anew for its round trip, when somebody wants to know. */
export const roundTripFreshMs = 500

/** What figures wait for an answer, or for the transport. */
export const statsTimeoutMs = 1_000

/** Trace events that wait to be told to a tab that follows; of more, the oldest go, and their number is told. */
export const maxUntoldTraces = 256

// ── Signed messages ──────────────────────────────────────────────────────────────────────────────────

/** [protocol] What an application signs for: `sign:` and this are a scope. */
export const maxSigningPurposeBytes = 64

/** [protocol] A message that an application signs. Of what is larger it signs a hash. */
export const maxSignedMessageBytes = 48 * 1024

// ── Not plain numbers ────────────────────────────────────────────────────────────────────────────────
// These come last: a bundler puts numbers in the place of their names only as far as nothing else stands before them.

/** [protocol] What an application hands over at once, encoded: its record, name included, is within `maxMessageBytes`. */
export const maxValueBytes = maxMessageBytes - maxNameBytes - 64

/** [protocol] A peer chain, encoded: four certificates. */
export const maxPeerChainBytes = 4 * (maxCertificateBytes + 3) + 1

/**
 * [protocol] Sizes of a query's packet and of its answer's, which are the same: so nobody can have more sent than they send, and sizes
 * tell next to nothing. Powers of three from 1 KiB on; the largest holds `maxQueryValueBytes`, method and all.
 */
export const queryPacketBytes = [1024, 3072, 9216] as const

/** Twice `certificateWarningMs`: a certificate that is always about to expire warns of nothing. */
export const minCertificateLifetimeMs = 2 * certificateWarningMs

/** [protocol] The whole of a signed message, with its chain. */
export const maxSignedBytes = maxSignedMessageBytes + maxChainLength * maxCertificateBytes + 512

/** Defaults of a relay, each of which its operator may change. Numbers alone: bundlers keep an unused object in which they would have to calculate. */
export const relayLimits = {
  /** In all: some tens of KiB each while they read what they are sent. */
  maxConnections: 10_000,
  /** Per IPv4 address or IPv6 /64: an office behind one address. */
  maxConnectionsPerAddress: 256,
  maxTagsPerConnection: maxSubscribedTags,
  /** In all: about 200 bytes each. */
  maxTags: 1_000_000,
  /** A tag is one device's mailbox; more are its dead sockets, of which the oldest subscription gives way. */
  maxSubscribersPerTag: 16,
  messagesPerSecond: 100,
  /** A client that comes back renews its tags and repeats up to 256 publishes at once. */
  messageBurst: 500,
  bytesPerSecond: 262_144,
  byteBurst: 2_097_152,
  /** What a tag takes beyond this is dropped; one dial is a handful of packets. */
  publishesPerSecondPerTag: 20,
  publishBurstPerTag: 100,
  /** Bytes on their way to one reader, above which it is too slow: sixteen of the largest packets. */
  maxBufferedBytes: 262_144,
  /** Silence after which a connection is pinged: below the common 60 s of proxies. */
  pingAfterMs: 30_000,
  /** Silence after which it is closed: two pings unanswered. */
  idleTimeoutMs: 75_000,
}
