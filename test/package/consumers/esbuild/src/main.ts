/** An application in TypeScript, built by esbuild. */

import { Identity, Mesh, type Link } from 'handfast'

const find = <T extends Element>(selector: string) => document.querySelector<T>(selector)!
const relay = new URLSearchParams(location.search).get('relay')!
const mesh = await Mesh.open({ identity: await Identity.open(), relays: [relay] })

function show(link: Link): void {
  const showState = () => (find('p').textContent = link.state)
  showState()
  link.on('state', showState)
  link.on('message', (message) => {
    const item = document.createElement('li')
    item.textContent = (message as { text: string }).text
    find('ul').append(item)
  })
  find<HTMLFormElement>('form').onsubmit = (event) => {
    event.preventDefault()
    void link.send({ text: find<HTMLInputElement>('input').value })
  }
}

mesh.on('link', show)
const button = find<HTMLButtonElement>('button')
button.onclick = async () => {
  const invitation = find<HTMLAnchorElement>('a')
  invitation.href = (await mesh.invite()).toURL(location.href)
  invitation.hidden = false
}
button.disabled = false
if (location.hash) await mesh.accept(location.href)
