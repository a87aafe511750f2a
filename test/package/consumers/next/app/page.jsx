import { connection } from 'next/server'
import { Chat } from './chat'

export default async function Page() {
  // Rendered anew for each request: the nonce of the policy is of one request.
  await connection()
  return <Chat />
}
