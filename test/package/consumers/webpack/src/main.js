/** An application built by webpack. */

import { Identity, Mesh } from 'handfast'

const [status, button, invitation, form, input, list] = document.querySelectorAll(
  'p, button, a, form, input, ul',
)
const relay = new URLSearchParams(location.search).get('relay')
const mesh = await Mesh.open({ identity: await Identity.open(), relays: [relay] })

function show(link) {
  const showState = () => (status.textContent = link.state)
  showState()
  link.on('state', showState)
  link.on('message', (message) => {
    list.append(Object.assign(document.createElement('li'), { textContent: message.text }))
  })
  form.onsubmit = (event) => {
    event.preventDefault()
    void link.send({ text: input.value })
  }
}

mesh.on('link', show)
button.onclick = async () => {
  invitation.href = (await mesh.invite()).toURL(location.href)
  invitation.hidden = false
}
button.disabled = false
if (location.hash) await mesh.accept(location.href)
