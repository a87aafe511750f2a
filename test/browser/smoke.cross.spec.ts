/** Both browsers in one test, connected without the library: if this fails, look at the machine first. */

import { expect, test } from './support/browsers.ts'

test('a bare data channel opens between Chromium and Firefox', async ({ openPeer }) => {
  const [alice, bob] = await Promise.all([openPeer('chromium'), openPeer('firefox')])

  /** Gathers fully before it answers, so that one exchange is enough. */
  const offer = await alice.page.evaluate(async () => {
    const connection = new RTCPeerConnection()
    const channel = connection.createDataChannel('smoke', { negotiated: true, id: 0 })
    Object.assign(globalThis, { connection, channel })
    await connection.setLocalDescription()
    await new Promise<void>((resolve) => {
      connection.onicegatheringstatechange = () => {
        if (connection.iceGatheringState === 'complete') resolve()
      }
    })
    return connection.localDescription!.toJSON()
  })
  const answer = await bob.page.evaluate(async (remote) => {
    const connection = new RTCPeerConnection()
    const channel = connection.createDataChannel('smoke', { negotiated: true, id: 0 })
    channel.onmessage = ({ data }) => channel.send(`echo of ${data}`)
    Object.assign(globalThis, { connection, channel })
    await connection.setRemoteDescription(remote)
    await connection.setLocalDescription()
    await new Promise<void>((resolve) => {
      connection.onicegatheringstatechange = () => {
        if (connection.iceGatheringState === 'complete') resolve()
      }
    })
    return connection.localDescription!.toJSON()
  }, offer)
  const echo = await alice.page.evaluate(async (remote) => {
    const { connection, channel } = globalThis as unknown as {
      connection: RTCPeerConnection
      channel: RTCDataChannel
    }
    const received = new Promise<string>((resolve) => {
      channel.onmessage = ({ data }) => resolve(data)
      channel.onopen = () => channel.send('hello')
    })
    await connection.setRemoteDescription(remote)
    return received
  }, answer)
  expect(echo).toBe('echo of hello')
})
