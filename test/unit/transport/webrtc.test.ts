/** What can be seen of the WebRTC transport without a browser; the rest is in `test/browser/transport.spec.ts`. */

import { describe, expect, test } from 'vitest'
import { systemRuntime as runtime } from '../../../lib/base/runtime.ts'
import { minChannelMessageBytes } from '../../../lib/base/limits.ts'
import { WebRtcTransport } from '../../../lib/transport/webrtc.ts'

describe('the WebRTC transport where there is no WebRTC', () => {
  const transport = new WebRtcTransport({ runtime })
  const offer = ['ufrag', 'p'.repeat(22), new Uint8Array(32), [], minChannelMessageBytes]

  test('says so', () => {
    expect(() => transport.offer()).toThrow(expect.objectContaining({ code: 'unsupported' }))
    expect(() => transport.answer(offer)).toThrow(expect.objectContaining({ code: 'unsupported' }))
  })

  test('still judges offers', () => {
    const broken = offer.with(0, 'x')
    const refusal = expect.objectContaining({ code: 'bad-description' })
    expect(() => transport.checkOffer(broken)).toThrow(refusal)
    expect(() => transport.answer(broken)).toThrow(refusal)
    transport.checkOffer(offer)
  })
})
