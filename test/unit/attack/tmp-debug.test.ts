import { test } from 'vitest'
import { World } from '../../support/memory-peers.ts'
import { CountingTransport, fastRuntime, until } from './adversary.ts'
import { HostileRelay } from './hostile-relay.ts'
test('debug', { timeout: 240_000 }, async () => {
  for (let round = 0; round < 60; round++) {
    const rt = fastRuntime(20)
    const world = new World(rt)
    const meshes = []
    const ts = []
    for (let i = 0; i < 4; i++) { const t = new CountingTransport(world.network.transport()); ts.push(t); meshes.push((await world.peer({ transport: t })).mesh) }
    const log: string[] = []
    const t0 = rt.now()
    const relay = new HostileRelay(round, (p, ms) => void setTimeout(() => world.board.inject({ ...p, from: -1 }), ms))
    const orig = relay.handle.bind(relay)
    world.board.rule = (p) => {
      const before = { ...relay.done }
      const out = orig(p)
      const deed = Object.keys(before).find((k) => (relay.done as any)[k] !== (before as any)[k])
      log.push(`${Math.round(rt.now() - t0)} from ${p.from} kind ${String.fromCharCode(p.packet[0]!)} ${p.packet.length} ${deed}`)
      return out.map((x) => ({ ...x, from: x === p ? p.from : -1 }))
    }
    const tickets = [await meshes[0]!.invite(), await meshes[2]!.invite()]
    relay.misbehave(24)
    await Promise.all([[1, 0], [3, 1]].map(async ([i, t]) => {
      for (;;) { try { await meshes[i!]!.accept(tickets[t!]!, { timeoutMs: 60_000 }); log.push(`${Math.round(rt.now()-t0)} mesh ${i} ok`); return } catch (e) {
        log.push(`${Math.round(rt.now() - t0)} mesh ${i} FAIL ${(e as any).code} ${(e as any).message} links ${meshes[i!]!.links.size}`); if (meshes[i!]!.links.has(tickets[t!]!.issuer)) return } }
    }))
    await until(() => meshes.every(({ links }) => links.size === 1), 'x')
    if (log.some((l) => l.includes('FAIL'))) { console.log(`round ${round} answers ${ts.map(t=>t.answers)}\n` + log.join('\n')) }
    await world.close()
  }
})
