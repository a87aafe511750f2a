/**
 * Two of these pages meet, as told by their fragment: `#invite` or `#accept=<ticket>`. They speak to the test through the
 * console alone, since what a test evaluates in a page may be subject to the very policy under test.
 */

import './violations.ts'
import { Identity, Mesh } from 'handfast'

const say = (what: string, value = '') => console.info(`${what}: ${value}`)

async function openMesh(): Promise<Mesh> {
  const identity = await Identity.open({ name: 'csp' })
  return Mesh.open({ identity, relays: [`ws://${location.host}/relay`] })
}

async function invite(): Promise<void> {
  const mesh = await openMesh()
  mesh.on('link', (link) => link.handle('echo', async (params) => params))
  const ticket = await mesh.invite({ expiresInMs: 60_000 })
  say('ticket', ticket.toString())
}

async function accept(ticket: string): Promise<void> {
  const mesh = await openMesh()
  const link = await mesh.accept(ticket)
  say('echo', String(await link.request('echo', 'hello')))
  await mesh.close()
  say('closed')
}

const [task, argument = ''] = location.hash.slice(1).split('=')
if (task === 'invite') await invite()
if (task === 'accept') await accept(argument)
// What the policy forbids, so that the test can see that it is in force.
if (task === 'eval') Reflect.construct(Function, ['return 1'])
if (task === 'html') document.body.innerHTML = '<b>markup</b>'
