/**
 * Which failed browser tests may run a second time, alone. Only what waited in vain: a wait can be too short on a machine that runs other
 * tests beside, a wrong value is wrong on any. None at all if more than `most` failed, or any of them for another reason, or one that is
 * tagged `@once` in its title: tests of what must never happen, as a message that is lost, which would show as a wait in vain, too.
 */

const most = 2
const inVain = /Test timeout of \d+ms|Timeout:? +\d+ms/
/** What is said of whatever was still under way then. */
const cutOff = /has been closed/

const specsOf = (suite) => [...(suite.specs ?? []), ...(suite.suites ?? []).flatMap(specsOf)]

/** One that never began, after another of its file, has no error. */
function waitedInVain(errors) {
  const messages = errors.map(({ message = '' }) => message)
  return (
    messages.some((text) => inVain.test(text)) &&
    messages.every((text) => inVain.test(text) || cutOff.test(text))
  )
}

/** @returns {string[]} their names, from Playwright's JSON report; empty if none may */
export function mayRunAgain({ suites, errors }) {
  const failed = suites.flatMap(specsOf).flatMap(({ file, title, tags, tests }) =>
    tests
      .filter(({ status, expectedStatus }) => !['expected', expectedStatus].includes(status))
      .map(({ projectName, results }) => ({
        name: `[${projectName}] ${file} › ${title}`,
        may: !tags.includes('once') && waitedInVain(results.at(-1)?.errors ?? []),
      })),
  )
  const allMay = errors.length === 0 && failed.length <= most && failed.every(({ may }) => may)
  return allMay ? failed.map(({ name }) => name) : []
}
