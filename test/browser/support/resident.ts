/** What the browsers of this test process hold in memory, as the system counts it: all their processes, shared pages by halves. */

import { readdir, readFile } from 'node:fs/promises'

const read = (path: string) => readFile(path, 'utf8').catch(() => '')

async function descendants(): Promise<number[]> {
  const parents = new Map<number, number>()
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry)
    if (!pid) continue
    // The name in parentheses may hold anything.
    const [, parent] = /.*\) \S (\d+)/s.exec(await read(`/proc/${pid}/stat`)) ?? []
    if (parent !== undefined) parents.set(pid, Number(parent))
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid)
    return parent === process.pid || (parent !== undefined && isBelow(parent))
  }
  return [...parents.keys()].filter(isBelow)
}

/** Undefined anywhere but on Linux. */
export async function residentBytes(): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined
  let kibibytes = 0
  for (const pid of await descendants()) {
    kibibytes += Number(/^Pss:\s*(\d+)/m.exec(await read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0)
  }
  return kibibytes * 1024
}
