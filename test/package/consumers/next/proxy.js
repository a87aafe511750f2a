/** A strict Content-Security-Policy: Next gives the nonce to the scripts of the page. */

import { NextResponse } from 'next/server'

export function proxy(request) {
  const nonce = crypto.randomUUID()
  const headers = new Headers(request.headers)
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}' 'strict-dynamic' 'wasm-unsafe-eval'`,
    `connect-src 'self' ${process.env.RELAY}`,
    "img-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
  headers.set('content-security-policy', policy)
  const response = NextResponse.next({ request: { headers } })
  response.headers.set('content-security-policy', policy)
  return response
}
