/** The whole page: opening, open, or explaining why it could not open. */

import { useEffect, useState } from 'preact/hooks'
import { AnnouncerProvider } from './ui/announcer.tsx'
import { boot, type Boot } from './boot.ts'
import { BootFailurePage } from './boot-failure-page.tsx'
import { StatsProvider } from './diagnostics/use-stats.tsx'
import { JoinPage } from './keys/join-page.tsx'
import { PageHeader } from './page-header.tsx'
import { isJoining, isRestoring, ownName } from './page-address.ts'
import { RestorePage } from './keys/restore-page.tsx'
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

  const open = () => {
    setState({ step: 'opening' })
    void boot().then(setState)
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
      {state.step === 'failed' && <BootFailurePage failure={state.failure} retry={open} />}
      {state.step === 'opening' && (
        <main class="splash" aria-busy="true">
          <div class="cord cord-moving splash-cord" />
          <p class="muted">Opening your keys…</p>
        </main>
      )}
    </>
  )
}
