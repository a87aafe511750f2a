'use client'

import { useEffect, useState } from 'react'
import { People, useMesh } from '../use-mesh'

export function Chat() {
  const {
    mesh,
    links: [link],
  } = useMesh()
  const [invitation, setInvitation] = useState()
  const [messages, setMessages] = useState([])

  useEffect(() => {
    if (mesh && location.hash) void mesh.accept(location.href)
  }, [mesh])
  useEffect(
    () => link?.on('message', ({ text }) => setMessages((before) => [...before, text])),
    [link],
  )

  const invite = async () => setInvitation((await mesh.invite()).toURL(location.href))
  const send = (event) => {
    event.preventDefault()
    void link?.send({ text: event.currentTarget.elements.text.value })
  }
  return (
    <>
      <People />
      <p role="status">{link?.state ?? 'closed'}</p>
      <button disabled={!mesh} onClick={invite}>
        Invite
      </button>
      {invitation && <a href={invitation}>Invitation</a>}
      <form onSubmit={send}>
        <input name="text" aria-label="Message" />
      </form>
      <ul>
        {messages.map((text, index) => (
          <li key={index}>{text}</li>
        ))}
      </ul>
    </>
  )
}
