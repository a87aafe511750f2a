/**
 * Makes a fresh clone ready to run with nothing but Node: checks Node's version, installs the dependencies, finds or
 * installs browsers. Uses Node alone, since it runs before anything is installed.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { argv, env, exit, execPath, getuid, platform, stdout, versions } from 'node:process'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Where the browsers found are noted for the Playwright configuration. */
const browsersFile = join(root, 'node_modules/.cache/handfast/browsers.json')

const say = (text) => console.log(`handfast: ${text}`)

/** Thrown with lines that tell a newcomer what to do. */
export class SetupError extends Error {
  constructor(...lines) {
    super(lines.join('\n'))
  }
}

/** Runs `setup`; where the machine lacks something, says what and ends the process. */
export async function orExit(setup) {
  try {
    await setup()
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    explain(error)
    exit(1)
  }
}

export function explain({ message }) {
  for (const line of message.split('\n')) console.error(`handfast: ${line}`)
}

export function ensureNode() {
  const [major, minor] = versions.node.split('.').map(Number)
  const recent = major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)
  if (recent) return
  throw new SetupError(
    `Node ${versions.node} is not supported: 20.19 or a later 20.x, 22.12 or anything newer is.`,
    'Get it from https://nodejs.org/ and try again.',
  )
}

/** Installs what package-lock.json of a folder names, unless exactly that is installed. */
export function ensureDependencies(folder = root) {
  if (installedAsLocked(folder)) return
  say('installing dependencies (npm ci), about half a minute …')
  // No dependency needs its install script; without them no compiler is needed either.
  const args = [
    'ci',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    ...patience,
  ]
  // npm names its own script in npm_execpath; a plain `npm` on Windows is a batch file and needs the shell.
  const { status } = env.npm_execpath
    ? run(execPath, [env.npm_execpath, ...args], { cwd: folder })
    : run('npm', args, { cwd: folder, shell: platform === 'win32' })
  if (status === 0) return
  throw new SetupError(
    'the dependencies could not be installed; npm says why above.',
    'Without a network connection to the npm registry this cannot work; check it, or the proxy (npm config get registry).',
  )
}

/** By itself npm says nothing for three minutes where there is no network. */
const patience = ['--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=3000']

function installedAsLocked(folder) {
  const installedPath = join(folder, 'node_modules/.package-lock.json')
  if (!existsSync(installedPath)) return false
  const locked = packagesIn(join(folder, 'package-lock.json'))
  const installed = packagesIn(installedPath)
  const isCurrent = ([path, { version }]) => locked[path]?.version === version
  // npm leaves out the optional packages that are for other platforms.
  const isThere = ([path, { optional, devOptional }]) =>
    path === '' || optional || devOptional || path in installed
  return Object.entries(installed).every(isCurrent) && Object.entries(locked).every(isThere)
}

const packagesIn = (path) => JSON.parse(readFileSync(path, 'utf8')).packages

/**
 * Finds Chromium and Firefox, or installs them, and notes where they are. One is enough to go on, except in CI.
 * Returns the names of those that are missing.
 */
export async function ensureBrowsers() {
  const found = {}
  const missing = () => browserNames.filter((name) => !found[name])
  const look = async () => {
    for (const name of missing()) {
      const browser = await findBrowser(name)
      if (browser) found[name] = browser
    }
  }
  await look()
  if (missing().length > 0) {
    downloadBrowsers(missing())
    await look()
  }
  if (missing().length > 0) {
    installSystemBrowsers(missing())
    await look()
  }

  for (const name of browserNames) {
    if (found[name]) say(`${name}: ${found[name].version} (${found[name].path})`)
    else {
      say(`!! no ${name}: its tests, and those of both browsers together, are SKIPPED.`)
      say(`!! Install ${titles[name]}, or set ${pathVariable(name)} to its program.`)
    }
  }
  if (env.CI && missing().length > 0) throw new SetupError('CI needs both browsers.')
  if (missing().length === browserNames.length) {
    throw new SetupError(
      'the browser tests need at least one browser.',
      'Everything else runs without: npm test -- check unit build',
    )
  }
  mkdirSync(dirname(browsersFile), { recursive: true })
  writeFileSync(browsersFile, JSON.stringify(found, null, 2))
  return missing()
}

const browserNames = ['chromium', 'firefox']
const titles = { chromium: 'Chromium or Chrome', firefox: 'Firefox' }
const pathVariable = (name) => `HANDFAST_${name.toUpperCase()}`

const programs = {
  chromium: ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome'],
  firefox: ['firefox-esr', 'firefox'],
}

function candidatePaths(name) {
  const inPath = (env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => programs[name].map((program) => join(folder, program)))
  if (platform === 'darwin') {
    const apps = {
      chromium: [
        'Google Chrome.app/Contents/MacOS/Google Chrome',
        'Chromium.app/Contents/MacOS/Chromium',
      ],
      firefox: ['Firefox.app/Contents/MacOS/firefox'],
    }
    const folders = ['/Applications', join(env.HOME ?? '', 'Applications')]
    return [...folders.flatMap((folder) => apps[name].map((app) => join(folder, app))), ...inPath]
  }
  if (platform === 'win32') {
    const apps = {
      chromium: ['Google/Chrome/Application/chrome.exe', 'Chromium/Application/chrome.exe'],
      firefox: ['Mozilla Firefox/firefox.exe'],
    }
    const folders = [env.PROGRAMFILES, env['PROGRAMFILES(X86)'], env.LOCALAPPDATA].filter(Boolean)
    return folders.flatMap((folder) => apps[name].map((app) => join(folder, app)))
  }
  return inPath
}

async function findBrowser(name) {
  const chosen = env[pathVariable(name)]
  if (chosen) {
    const version = versionOf(chosen)
    if (!version) throw new SetupError(`${pathVariable(name)}=${chosen} does not run as a browser.`)
    return { path: chosen, version, stock: true }
  }
  for (const path of candidatePaths(name)) {
    const version = versionOf(path)
    if (version) return { path, version, stock: true }
  }
  const playwright = await import('@playwright/test')
  const path = playwright[name].executablePath()
  const version = versionOf(path)
  return version && { path, version, stock: false }
}

/** What a program calls itself, or undefined if it does not run: a distribution's `firefox` may be a mere placeholder. */
function versionOf(path) {
  if (!existsSync(path)) return undefined
  // On Windows `--version` would open a window.
  if (platform === 'win32') return 'installed'
  const { status, stdout: said } = spawnSync(path, ['--version'], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  return status === 0 ? /[A-Z].* \d+\.\S+/.exec(said)?.[0] : undefined
}

function downloadBrowsers(names) {
  say(`downloading ${names.join(' and ')} for the tests (playwright install) …`)
  const cli = join(root, 'node_modules/@playwright/test/cli.js')
  run(execPath, [cli, 'install', ...names], {
    timeout: 240_000,
    // Its progress and its many retries are for somebody watching.
    stdio: stdout.isTTY ? 'inherit' : 'ignore',
    env: { ...env, PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT: '10000' },
  })
}

function installSystemBrowsers(names) {
  if (platform !== 'linux' || spawnSync('apt-get', ['--version']).status !== 0) return
  const isRoot = getuid?.() === 0
  if (!isRoot && spawnSync('sudo', ['-n', 'true']).status !== 0) {
    say(
      `no download worked, and installing the system's packages needs root; as root: ${aptText(names)}`,
    )
    return
  }
  say(`no download worked; installing the system's packages: ${aptText(names)} …`)
  const apt = (...args) => {
    const command = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', ...args]
    const [program, ...options] = isRoot ? command : ['sudo', '-n', ...command]
    return run(program, options, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
  }
  if (!apt('update')) say('the package lists could not be updated; trying with the present ones.')
  for (const name of names) apt('install', '-y', '--no-install-recommends', systemPackages[name])
}

const systemPackages = { chromium: 'chromium', firefox: 'firefox-esr' }
const aptText = (names) => `apt-get install ${names.map((name) => systemPackages[name]).join(' ')}`

function run(program, args, options) {
  return spawnSync(program, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    ...options,
  })
}

if (realpathSync(argv[1]) === fileURLToPath(import.meta.url)) {
  await orExit(async () => {
    ensureNode()
    ensureDependencies()
    if (argv.includes('--browsers')) await ensureBrowsers()
  })
}
