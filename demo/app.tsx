/** The whole page: opening, open, or explaining why it could not open. */

import { useEffect, useState } from 'preact/hooks'
import { AnnouncerProvider } from './ui/announcer.tsx'
import { boot, type Boot } from './boot.ts'
import { BootFailurePage } from './boot-failure-page.tsx'
import { StatsProvider } from './diagnostics/use-stats.tsx'
import { JoinPage } from './keys/join-page.tsx'
import { UnlockPage } from './keys/unlock-page.tsx'
import { PageHeader } from './page-header.tsx'
import { isJoining, isRestoring, ownName } from './page-address.ts'
import { RestorePage } from './keys/restore-page.tsx'
import { UnknownPersonPage } from './people/unknown-person-page.tsx'
import { Workspace } from './workspace.tsx'

export function App() {
  return (
    <AnnouncerProvider>
      <PageHeader />
      {isJoining ? <JoinPage /> : isRestoring ? <RestorePage /> : <Opened />}
    </AnnouncerProvider>
  )
}

function Opened() {
  const [state, setState] = useState<Boot>({ step: 'opening' })

  const open = (isWanted?: boolean) => {
    setState({ step: 'opening' })
    void boot(isWanted).then(setState)
  }
  useEffect(open, [])
  useEffect(() => {
    document.title = `${ownName} · Handfast`
  }, [])

  return (
    <>
      {state.step === 'open' && (
        <StatsProvider mesh={state.mesh}>
          <Workspace mesh={state.mesh} identity={state.identity} />
        </StatsProvider>
      )}
      {state.step === 'failed' && <BootFailurePage failure={state.failure} retry={() => open()} />}
      {state.step === 'unknown' && (
        <UnknownPersonPage name={state.name} others={state.others} create={() => open(true)} />
      )}
      {state.step === 'locked' && (
        <UnlockPage
          open={async (passphrase) => {
            const next = await boot(true, passphrase)
            if (next.step === 'locked') return next.problem
            setState(next)
            return undefined
          }}
        />
      )}
      {state.step === 'opening' && (
        <main class="splash" aria-busy="true">
          <div class="cord cord-moving splash-cord" />
          <p class="muted">Opening your keys…</p>
        </main>
      )}
    </>
  )
}
