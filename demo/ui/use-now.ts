/** The wall clock in milliseconds, read again every second for as long as something counts down. */

import { useEffect, useState } from 'preact/hooks'

export function useNow(running: boolean): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    if (!running) return
    const read = () => setNow(Date.now())
    read()
    const timer = setInterval(read, 1000)
    return () => clearInterval(timer)
  }, [running])
  return now
}
