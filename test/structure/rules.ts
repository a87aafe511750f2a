/** The rules of the repository's structure. Each takes sources and returns what breaks it, as readable lines. */

import { factsOf, resolveImport, type Sources } from './imports.ts'

type Rule = (sources: Sources) => string[]

/** A room imports from those before it. `lib/index.ts` stands above all but the last two. */
export const rooms = [
  'base',
  'codec',
  'crypto',
  'storage',
  'identity',
  'ticket',
  'signaling',
  'transport',
  'session',
  'link',
  'mesh',
  'relay',
  'sim',
]

const roomOf = (path: string) => /^lib\/(?<room>[^/]+)\//.exec(path)?.groups?.['room']

export const roomsImportOnlyUpwards: Rule = (sources) =>
  edges(sources).flatMap(({ from, to }) => {
    const room = roomOf(from)
    const target = roomOf(to)
    if (room !== undefined && !rooms.includes(room)) return [`${from}: ${room} is not a room`]
    if (!to.startsWith('lib/')) return [`${from} imports ${to}, outside lib`]
    if (target === undefined) return [`${from} imports ${to}, which stands above all rooms`]
    const allowed =
      room === undefined
        ? target !== 'relay' && target !== 'sim'
        : rooms.indexOf(target) <= rooms.indexOf(room)
    return allowed ? [] : [`${from} imports ${to}`]
  })

export const importsAreFiles: Rule = (sources) =>
  edges(sources).flatMap(({ from, to }) =>
    sources.has(to) ? [] : [`${from} imports ${to}, which is no file (is the extension missing?)`],
  )

/** A room of the demo imports from those before it. What puts them together, in no room, stands above all but these two files. */
const demoRooms = [
  'ui',
  'people',
  'wallet',
  'conversation',
  'diagnostics',
  'meet',
  'keys',
  'settings',
  'strangers',
  'log',
]
const demoFoundations = ['demo/page-address.ts', 'demo/use-place.ts']

export const demoRoomsImportOnlyUpwards: Rule = (sources) =>
  edges(sources, 'demo/').flatMap(({ from, to }) => {
    const [room, target] = [from, to].map((path) => /^demo\/(?<room>[^/]+)\//.exec(path)?.[1])
    if (room === undefined || !to.startsWith('demo/')) return []
    const allowed =
      target === undefined
        ? demoFoundations.includes(to) && room !== 'ui'
        : demoRooms.slice(0, demoRooms.indexOf(room) + 1).includes(target)
    return allowed ? [] : [`${from} imports ${to}`]
  })

export const noCycles: Rule = (sources) => {
  const targets = new Map<string, string[]>()
  for (const { from, to } of [...edges(sources), ...edges(sources, 'demo/')]) {
    targets.set(from, [...(targets.get(from) ?? []), to])
  }
  const done = new Set<string>()
  const found: string[] = []
  const visit = (path: string, trail: string[]) => {
    if (trail.includes(path)) {
      found.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
    } else if (!done.has(path)) {
      for (const to of targets.get(path) ?? []) visit(to, [...trail, path])
      done.add(path)
    }
  }
  for (const path of sources.keys()) visit(path, [])
  return found
}

const platformNames = [
  'Date.now',
  'new Date()',
  'performance.now',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'requestAnimationFrame',
  'requestIdleCallback',
  'Math.random',
  'getRandomValues',
  'randomUUID',
  'randombytes_buf',
]

export const timeAndRandomnessOnlyInBase: Rule = (sources) =>
  inLib(sources).flatMap(([path, source]) => {
    if (roomOf(path) === 'base') return []
    const { names } = factsOf(path, source)
    return platformNames.filter((name) => names.has(name)).map((name) => `${path} uses ${name}`)
  })

/** Which packages lib may import, exactly as spelt, and where. */
const packages: { specifier: RegExp; where: RegExp }[] = [
  { specifier: /^@scure\/base$/, where: /^lib\// },
  { specifier: /^cbor-x\/index-no-eval$/, where: /^lib\/codec\// },
  { specifier: /^libsodium-wrappers$/, where: /^lib\/crypto\// },
  {
    specifier: /^@scure\/bip39(?:\/wordlists\/english\.js)?$/,
    where: /^lib\/identity\/words\.ts$/,
  },
  { specifier: /^age-encryption$/, where: /^lib\/identity\/(?:backup|age-passphrase)\.ts$/ },
  {
    specifier: /^@noble\/hashes\/scrypt\.js$/,
    where: /^lib\/identity\/age-passphrase\.ts$/,
  },
  { specifier: /^idb$/, where: /^lib\/storage\// },
  {
    specifier: /^simple-peer(?:\/simplepeer\.min\.js)?$/,
    where: /^lib\/transport\/(?:webrtc|simple-peer\.d)\.ts$/,
  },
  { specifier: /^ws$/, where: /^lib\/relay\// },
  { specifier: /^node:/, where: /^lib\/relay\// },
  { specifier: /^vite$/, where: /^lib\/relay\/vite\.ts$/ },
]

export const packagesOnlyInTheirPlace: Rule = (sources) =>
  inLib(sources).flatMap(([path, source]) =>
    factsOf(path, source)
      .imports.filter((specifier) => resolveImport(path, specifier) === undefined)
      .filter((name) => !packages.some((p) => p.specifier.test(name) && p.where.test(path)))
      .map((specifier) => `${path} imports ${specifier}`),
  )

/** The demo is an application: it sees what any application sees. */
export const demoUsesThePublicFace: Rule = (sources) =>
  within(sources, 'demo/').flatMap(([path, source]) =>
    factsOf(path, source)
      .imports.filter((specifier) => {
        const target = resolveImport(path, specifier) ?? specifier
        const isPrivate = target.startsWith('lib/') && target !== 'lib/index.ts'
        return isPrivate || target.startsWith('test/') || target.startsWith('handfast/')
      })
      .map((specifier) => `${path} imports ${specifier}`),
  )

/** A lock file written on one platform must still install on the others. */
export function missingPlatforms(lockFile: string): string[] {
  const { packages: locked } = JSON.parse(lockFile) as { packages: Record<string, object> }
  const names = Object.keys(locked)
  const linux = /[-/]linux-x64(?:-gnu|-musl)?$/
  const families = [...new Set(names.filter((n) => linux.test(n)).map((n) => n.replace(linux, '')))]
  if (families.length === 0) return ['no platform binaries at all']
  return families.flatMap((family) =>
    ['darwin-arm64', 'win32-x64']
      .filter((target) => !names.some((name) => name.startsWith(family) && name.includes(target)))
      .map((target) => `${family}: ${target}`),
  )
}

const machinePath = /(?<![\w.\-/])\/(?:work|tmp|root|home|Users)\/\w\S*/g

/** Paths of somebody's machine have no meaning on another. */
export const noMachinePaths: Rule = (sources) =>
  [...sources].flatMap(([path, text]) =>
    [...text.matchAll(machinePath)].map(([found]) => `${path} mentions ${found}`),
  )

const inLib = (sources: Sources) => within(sources, 'lib/')
const within = (sources: Sources, folder: string) =>
  [...sources].filter(([path]) => path.startsWith(folder))

const edges = (sources: Sources, folder = 'lib/') =>
  within(sources, folder).flatMap(([from, source]) =>
    factsOf(from, source).imports.flatMap((specifier) => {
      const to = resolveImport(from, specifier)
      return to === undefined ? [] : [{ from, to }]
    }),
  )
