/** From an empty page to an open mesh, or to a reason why not that a person can act on. */

import { Identity, Mesh } from 'handfast'
import { installSwitches, SwitchedWebSocket } from './diagnostics/switches.ts'
import { chosenName, identityName, ownName, relays } from './page-address.ts'
import { isGreeted } from './people/names.ts'
import { personsHere } from './people/persons.ts'
import { iceServersOf, readSettings } from './settings/settings.ts'
import { codeOf, explain, type Problem } from './ui/problems.ts'

export type Boot =
  | { step: 'opening' }
  | { step: 'failed'; failure: Problem }
  /** The address names somebody who is not here, unlike `others`. Anybody can write such a link. */
  | { step: 'unknown'; name: string; others: readonly string[] }
  /** A passphrase opens the keys, and it was none or another. */
  | { step: 'locked'; problem: Problem }
  | { step: 'open'; mesh: Mesh; identity: Identity }

const missing: { isMissing: () => boolean; problem: Problem }[] = [
  {
    isMissing: () => !globalThis.isSecureContext,
    problem: {
      title: 'This page must be opened securely',
      advice:
        'Browsers allow keys and direct connections only on https pages and on localhost. Open it at an https address.',
    },
  },
  {
    isMissing: () => !('RTCPeerConnection' in globalThis),
    problem: {
      title: 'This browser can’t connect to others directly',
      advice:
        'WebRTC is missing or switched off, perhaps by a privacy setting or an extension. Allow it for this page, or use another browser.',
    },
  },
  {
    isMissing: () => !globalThis.indexedDB,
    problem: {
      title: 'This browser can’t keep your keys',
      advice:
        'IndexedDB is missing or switched off, as in some private windows. Allow this site to store data, or use a normal window.',
    },
  },
]

/** Long: an idle session that ended would look as if its peer had left. */
const idleTimeoutMs = 3600_000

/** `isWanted`: whoever the address names is to be here. */
export async function boot(isWanted = false, passphrase?: string): Promise<Boot> {
  const lack = missing.find(({ isMissing }) => isMissing())
  if (lack) return { step: 'failed', failure: lack.problem }
  if (chosenName !== null && !isWanted && !isGreeted(chosenName)) {
    const others = await personsHere()
    if (others.length > 0 && !others.includes(chosenName)) {
      return { step: 'unknown', name: chosenName, others }
    }
  }
  installSwitches()
  try {
    const identity = await Identity.open({
      name: identityName,
      ...(passphrase !== undefined && { passphrase }),
    })
    try {
      const settings = readSettings()
      const mesh = await Mesh.open({
        identity,
        relays,
        ice: {
          servers: iceServersOf(settings),
          policy: settings.relayOnly ? 'relay-only' : 'all',
        },
        idleTimeoutMs,
        WebSocket: SwitchedWebSocket,
      })
      mesh.answer('name', () => ownName, { perSecond: 5 })
      return { step: 'open', mesh, identity }
    } catch (error) {
      await identity.close()
      throw error
    }
  } catch (error) {
    if (codeOf(error) === 'wrong-passphrase') return { step: 'locked', problem: explain(error) }
    return { step: 'failed', failure: explainBoot(error) }
  }
}

function explainBoot(error: unknown): Problem {
  if (codeOf(error) !== 'unsupported') return explain(error)
  return {
    title: 'This browser lacks something that Handfast needs',
    advice: `${(error as Error).message}. Use a current Firefox, Chrome, Edge or Safari.`,
  }
}
