import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'

import { expect, test } from 'vitest'

import { startProxy } from './proxy.ts'

test('passes bytes on in order, counts them both ways and holds them back', async () => {
  const echo = createServer((socket) => socket.pipe(socket))
  await once(echo.listen(0, '127.0.0.1'), 'listening')
  const proxy = await startProxy((echo.address() as AddressInfo).port)
  const client = connect(proxy.port, '127.0.0.1')
  await once(client, 'connect')

  client.write('hello')
  expect(String((await once(client, 'data'))[0])).toBe('hello')
  expect(proxy.bytes).toBe(10)

  proxy.delayMs = 40
  const start = performance.now()
  client.write('again')
  expect(String((await once(client, 'data'))[0])).toBe('again')
  // A timer may be up to a millisecond early.
  expect(performance.now() - start).toBeGreaterThanOrEqual(78)

  client.destroy()
  proxy.close()
  echo.close()
})
