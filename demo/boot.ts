/** From an empty page to an open mesh, or to a reason why not that a person can act on. */

import { Identity, Mesh } from 'handfast'
import { installSwitches, SwitchedWebSocket } from './diagnostics/switches.ts'
import { identityName, ownName, relays } from './page-address.ts'
import { iceServersOf, readSettings } from './settings/settings.ts'
import { codeOf, explain, type Problem } from './ui/problems.ts'

export type BootFailure = Problem & { kind: 'bad-relay' | 'other' }

export type Boot =
  | { step: 'opening' }
  | { step: 'failed'; failure: BootFailure }
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

export async function boot(): Promise<Boot> {
  const lack = missing.find(({ isMissing }) => isMissing())
  if (lack) return { step: 'failed', failure: { kind: 'other', ...lack.problem } }
  installSwitches()
  try {
    const identity = await Identity.open({ name: identityName })
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
    return { step: 'failed', failure: explainBoot(error) }
  }
}

function explainBoot(error: unknown): BootFailure {
  switch (codeOf(error)) {
    case 'invalid-argument':
      return {
        kind: 'bad-relay',
        title: 'The relay address does not work',
        advice: `“${relays.join('”, “')}”: each must start with wss://, or with ws:// on this computer.`,
      }
    case 'unsupported':
      return {
        kind: 'other',
        title: 'This browser lacks something that Handfast needs',
        advice: `${(error as Error).message}. Use a current Firefox, Chrome, Edge or Safari.`,
      }
    default:
      return { kind: 'other', ...explain(error) }
  }
}
